using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace ControlPlane.Admission.Arm;

/// <summary>
/// A bounded cache without locks on reading. New entries go to the young generation; when that is full the old generation is dropped and the young one takes its
/// place. An entry that is still asked for moves back to the young one, so that what is in use stays.
/// </summary>
/// <param name="capacity">The most entries that are held, both generations together (approximately, under concurrent writers).</param>
internal sealed class GenerationalCache<TKey, TValue>(int capacity)
    where TKey : notnull
{
    private readonly Lock swapping = new();
    private volatile ConcurrentDictionary<TKey, TValue> young = new();
    private volatile ConcurrentDictionary<TKey, TValue> old = new();
    private int youngCount;

    /// <summary>Entries in both generations.</summary>
    public int Count => young.Count + old.Count;

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (young.TryGetValue(key, out value))
            return true;
        if (!old.TryGetValue(key, out value))
            return false;
        Set(key, value);
        return true;
    }

    public void Set(TKey key, TValue value)
    {
        young[key] = value;
        if (Interlocked.Increment(ref youngCount) < capacity / 2)
            return;
        // Whoever comes while it is full waits for the swap: a thread that is paused in the middle of it must not let it grow.
        lock (swapping)
        {
            if (Volatile.Read(ref youngCount) < capacity / 2)
                return;
            old = young;
            young = new();
            Volatile.Write(ref youngCount, 0);
        }
    }
}
