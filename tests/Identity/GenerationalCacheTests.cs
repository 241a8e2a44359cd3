using ControlPlane.Api.Identity;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>The cache behind authentication holds what is in use and no more than it may.</summary>
public sealed class GenerationalCacheTests
{
    [Fact]
    public void What_is_asked_for_stays_and_what_is_not_goes()
    {
        var cache = new GenerationalCache<int, int>(capacity: 100);
        for (var key = 0; key < 10_000; key++)
        {
            cache.Set(key, key);
            Assert.True(cache.TryGet(0, out _));
        }

        Assert.InRange(Enumerable.Range(0, 10_000).Count(key => cache.TryGet(key, out _)), 50, 100);
    }

    [Fact]
    public void Many_writers_at_once_do_not_push_it_over_its_bound()
    {
        var cache = new GenerationalCache<int, int>(capacity: 1_000);
        Parallel.For(0, 200_000, key => cache.Set(key, key));
        Assert.True(cache.Count <= 1_100, $"{cache.Count} entries");
    }
}
