#include "settings.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace i2m {
namespace {

Settings with(std::string name, std::string value) { return Settings::of({{std::move(name), std::move(value)}}); }

TEST(SettingsTest, HaveTheDefaultsThatTheirFileSays) {
  const Settings settings = Settings::of({});
  EXPECT_EQ(settings.text("REDIS_PREFIX"), "i2m:");
  EXPECT_EQ(settings.number("ATTEMPTS_MAX", 1, 20), 3);
  EXPECT_EQ(settings.milliseconds("LEASE_MS"), std::chrono::milliseconds{20'000});
  EXPECT_EQ(settings.seconds("LINK_LIFETIME_S"), std::chrono::seconds{900});
  EXPECT_EQ(settings.real("RATE_LIMIT_SCALE", 0.0001), 1.0);
  EXPECT_EQ(settings.flag("DATABASE_PREPARED"), true);
  EXPECT_EQ(settings.log_level(), log::Level::Info);
}

TEST(SettingsTest, SecretsAndAddressesHaveNoDefault) {
  const Settings settings = Settings::of({});
  for (const char* name : {"JWT_SECRET", "LINK_SECRET", "DATABASE_URL", "DATABASE_SYSTEM_URL", "DATABASE_OWNER_URL",
                           "REDIS_URL", "STORAGE_ROOT"}) {
    const auto refused = settings.required(name);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, Code::Invalid);
    EXPECT_EQ(refused.error().field, name);
    EXPECT_NE(refused.error().message.find(name), std::string::npos);
  }
}

TEST(SettingsTest, TheEnvironmentOverridesALine) {
  ASSERT_EQ(setenv("LEASE_MS", "1234", 1), 0);
  EXPECT_EQ(Settings::from_environment().milliseconds("LEASE_MS"), std::chrono::milliseconds{1234});
  unsetenv("LEASE_MS");
  EXPECT_EQ(Settings::from_environment().milliseconds("LEASE_MS"), std::chrono::milliseconds{20'000});
}

TEST(SettingsTest, RefuseAValueOfAnotherKindByName) {
  const auto code = [](const auto& result) { return result ? "ok" : result.error().field; };
  for (const char* wrong : {"", "x", "1x", " 1", "1.5", "0", "21", "-1", "99999999999999999999"}) {
    EXPECT_EQ(code(with("ATTEMPTS_MAX", wrong).number("ATTEMPTS_MAX", 1, 20)), "ATTEMPTS_MAX") << wrong;
  }
  for (const char* wrong : {"", "x", "0", "-1", "nan", "1,5"})
    EXPECT_EQ(code(with("RATE_LIMIT_SCALE", wrong).real("RATE_LIMIT_SCALE", 0.0001)), "RATE_LIMIT_SCALE") << wrong;
  for (const char* wrong : {"", "1", "yes", "True"})
    EXPECT_EQ(code(with("DATABASE_PREPARED", wrong).flag("DATABASE_PREPARED")), "DATABASE_PREPARED") << wrong;
  for (const char* wrong : {"", "8080", ":8080", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:80 "}) {
    EXPECT_EQ(code(with("LISTEN", wrong).address("LISTEN")), "LISTEN") << wrong;
  }
  for (const char* wrong : {"", "loud", "INFO"})
    EXPECT_EQ(code(with("LOG_LEVEL", wrong).log_level()), "LOG_LEVEL") << wrong;
  EXPECT_EQ(code(with("LEASE_MS", "0").milliseconds("LEASE_MS")), "LEASE_MS");
  EXPECT_EQ(code(with("LINK_LIFETIME_S", "31536001").seconds("LINK_LIFETIME_S")), "LINK_LIFETIME_S");
}

TEST(SettingsTest, AnAddressIsHostAndPort) {
  const auto address = with("LISTEN", "::1:8080").address("LISTEN");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "::1");
  EXPECT_EQ(address->port, 8080);
}

TEST(SettingsDeathTest, ANameThatTheFileDoesNotHaveIsABug) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const Settings settings = Settings::of({});
  EXPECT_DEATH(static_cast<void>(settings.text("NO_SUCH_SETTING")), "");
}

}  // namespace
}  // namespace i2m
