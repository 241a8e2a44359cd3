using System.Globalization;
using System.Text;

namespace ControlPlane.Api.ResourceGraph;

/// <summary>What is wrong with a query, and where: lines and columns begin with 1.</summary>
internal sealed class KqlException(string message, int line, int column) : Exception(message)
{
    public int Line { get; } = line;
    public int Column { get; } = column;
}

internal enum KqlTokenKind { End, Name, Text, Long, Real, Timespan, Time, Symbol }

/// <summary>A word of a query. <see cref="Text"/> is the name, symbol or content; <see cref="Value"/> the number, or the timespan.</summary>
internal readonly record struct KqlToken(KqlTokenKind Kind, string Text, int Line, int Column, object? Value = null)
{
    public KqlException Fault(string message) => new(message, Line, Column);

    public string Shown => Kind switch { KqlTokenKind.End => "the end of the query", KqlTokenKind.Text => $"the text '{Text}'", _ => $"'{Text}'" };
}

/// <summary>Cuts a query into tokens. Operators that look like words with a sign, such as <c>!contains</c> and <c>in~</c>, are one symbol.</summary>
internal sealed class KqlTokens(string query)
{
    private static readonly string[] Symbols = ["==", "!=", "=~", "!~", "<=", ">=", "..", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "|", ".", ";", "$"];
    private int at, line = 1, start;

    public static IReadOnlyList<KqlToken> Read(string query)
    {
        var (tokens, reader) = (new List<KqlToken>(), new KqlTokens(query));
        do
            tokens.Add(reader.Next());
        while (tokens[^1].Kind is not KqlTokenKind.End);
        return tokens;
    }

    private int Column => at - start + 1;

    private char Current => at < query.Length ? query[at] : '\0';

    private KqlToken Next()
    {
        SkipBlank();
        var (from, column) = (at, Column);
        if (at >= query.Length)
            return new(KqlTokenKind.End, "", line, column);
        if (Current is '\'' or '"' || (Current == '@' && at + 1 < query.Length && query[at + 1] is '\'' or '"'))
            return Quoted(column);
        if (char.IsAsciiDigit(Current))
            return Number(column);
        if (IsName(Current) || (Current == '!' && at + 1 < query.Length && char.IsAsciiLetter(query[at + 1])))
        {
            at++;
            while (IsName(Current))
                at++;
            if (Current == '~' && query[from..at].TrimStart('!') is "in")
                at++;
            var text = query[from..at];
            if (text == "datetime")
                return Time(column);
            return new(text[0] == '!' || text[^1] == '~' ? KqlTokenKind.Symbol : KqlTokenKind.Name, text, line, column);
        }

        foreach (var symbol in Symbols)
        {
            if (string.CompareOrdinal(query, at, symbol, 0, symbol.Length) == 0)
            {
                at += symbol.Length;
                return new(KqlTokenKind.Symbol, symbol, line, column);
            }
        }

        throw new KqlException($"'{Current}' means nothing here", line, column);
    }

    private void SkipBlank()
    {
        while (at < query.Length)
        {
            if (Current == '/' && at + 1 < query.Length && query[at + 1] == '/')
            {
                while (at < query.Length && Current != '\n')
                    at++;
                continue;
            }

            if (!char.IsWhiteSpace(Current))
                return;
            if (query[at++] == '\n')
                (line, start) = (line + 1, at);
        }
    }

    private KqlToken Quoted(int column)
    {
        var verbatim = Current == '@';
        if (verbatim)
            at++;
        var (quote, text) = (query[at++], new StringBuilder());
        while (true)
        {
            if (at >= query.Length || Current == '\n')
                throw new KqlException("the text does not end on its line", line, column);
            var c = query[at++];
            if (c == quote && verbatim && Current == quote)
                text.Append(query[at++]);
            else if (c == quote)
                break;
            else if (c == '\\' && !verbatim)
                text.Append(Escape());
            else
                text.Append(c);
        }

        return text.ToString() is var read && read.Contains('\0', StringComparison.Ordinal) ? throw new KqlException("U+0000 is in no text here", line, column) : new(KqlTokenKind.Text, read, line, column);
    }

    /// <summary><c>datetime(2026-06-01T12:00)</c>: the time stands there without quotes.</summary>
    private KqlToken Time(int column)
    {
        SkipBlank();
        var end = query.IndexOf(')', at);
        if (Current != '(' || end < 0 || end - at > 64)
            throw new KqlException("datetime takes a time such as 2026-06-01 or 2026-06-01T12:00:00Z in parentheses", line, column);
        var text = query[(at + 1)..end].Trim(' ', '\'', '"');
        at = end + 1;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? new(KqlTokenKind.Time, text, line, column, time) : throw new KqlException($"'{text}' is not a time such as 2026-06-01 or 2026-06-01T12:00:00Z", line, column);
    }

    private char Escape()
    {
        var c = at < query.Length ? query[at++] : '\0';
        switch (c)
        {
            case 'n': return '\n';
            case 't': return '\t';
            case 'r': return '\r';
            case '\\' or '\'' or '"': return c;
            case 'u' when at + 4 <= query.Length && ushort.TryParse(query.AsSpan(at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) && !char.IsSurrogate((char)code):
                at += 4;
                return (char)code;
            default:
                throw new KqlException($"there is no escape \\{c}; write \\\\ for a backslash", line, Column - 1);
        }
    }

    private KqlToken Number(int column)
    {
        var from = at;
        while (char.IsAsciiDigit(Current))
            at++;
        var isReal = false;
        if (Current == '.' && at + 1 < query.Length && char.IsAsciiDigit(query[at + 1]))
        {
            isReal = true;
            at++;
            while (char.IsAsciiDigit(Current))
                at++;
        }

        var digits = query[from..at];
        var unit = at;
        while (char.IsAsciiLetter(Current))
            at++;
        var text = query[from..at];
        if (at > unit)
            return Span(double.Parse(digits, CultureInfo.InvariantCulture), query[unit..at]) is { } span ? new(KqlTokenKind.Timespan, text, line, column, span) : throw new KqlException($"'{text}' is neither a number nor a timespan such as 7d, 12h, 30m or 10s", line, column);
        if (isReal)
            return new(KqlTokenKind.Real, text, line, column, double.Parse(digits, CultureInfo.InvariantCulture));
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? new(KqlTokenKind.Long, text, line, column, number) : throw new KqlException($"'{text}' is too large for a number", line, column);
    }

    private static TimeSpan? Span(double number, string unit)
    {
        var seconds = unit switch { "d" => 86400, "h" => 3600, "m" => 60, "s" => 1, "ms" => 0.001, _ => 0 } * number;
        return seconds is > 0 and < 1e10 || (number == 0 && unit is "d" or "h" or "m" or "s" or "ms") ? TimeSpan.FromSeconds(seconds) : null;
    }

    private static bool IsName(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';
}
