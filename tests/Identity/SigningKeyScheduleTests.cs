using ControlPlane.Api.Identity;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>The rotation rule, walked through years of uneven looks at the clock.</summary>
public sealed class SigningKeyScheduleTests
{
    private static readonly IdentitySettings Settings = new() { TenantId = IdentityHost.Tenant };
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void There_is_always_a_signer_that_was_published_long_enough_and_every_valid_token_can_be_verified() =>
        Gen.Int[1, 60 * 24 * 90].Array[1, 60].Sample(minutes =>
        {
            var now = Start;
            var keys = new Dictionary<string, (DateTimeOffset Published, DateTimeOffset SignsFrom)>(StringComparer.Ordinal);
            Look();
            foreach (var pause in minutes)
            {
                var signedBefore = Signer();
                now += TimeSpan.FromMinutes(pause);
                var signsNow = Signer();
                Look();

                Assert.Contains(signsNow, keys.Keys);
                Assert.Equal(signsNow, Signer());
                Assert.True(keys[signsNow].SignsFrom <= now);
                Assert.True(keys[signsNow].SignsFrom == Start || keys[signsNow].SignsFrom - keys[signsNow].Published >= Settings.KeyPublishAhead);
                if (TimeSpan.FromMinutes(pause) < IdentitySettings.TokenLifetime)
                    Assert.Contains(signedBefore, keys.Keys);
                Assert.InRange(keys.Count, 1, 3);
            }

            void Look()
            {
                foreach (var kid in SigningKeySchedule.Retired(Schedule(), now).ToList())
                    keys.Remove(kid);
                if (SigningKeySchedule.NextSignsFrom(Schedule(), now, Settings) is { } signsFrom)
                    keys.Add($"{keys.Count}-{now:O}", (now, signsFrom));
            }

            List<ScheduledKey> Schedule() => [.. keys.Select(key => new ScheduledKey(key.Key, key.Value.SignsFrom))];

            string Signer() => SigningKeySchedule.Signer(Schedule(), now);
        }, iter: 2_000);
}
