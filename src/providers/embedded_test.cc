#include "providers/embedded.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/crypto.h"
#include "engine/engine.h"
#include "engine/network.h"
#include "support/run.h"

namespace i2m::providers {
namespace {

std::vector<std::uint8_t> picture(const char* name) {
  std::ifstream file(std::filesystem::path(I2M_PICTURES) / name, std::ios::binary);
  const std::vector<char> read{std::istreambuf_iterator<char>(file), {}};
  return {read.begin(), read.end()};
}

class EmbeddedTest : public testing::Test {
 protected:
  static image::Decoder decoder() {
    auto opened = image::Decoder::open({});
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }

  Result<Made> make(const std::vector<std::uint8_t>& bytes) {
    Order order{.triangles_max = 1000, .picture = bytes};
    return test::run_on(io, embedded.make(order, progress));
  }

  boost::asio::io_context io;
  Embedded embedded{1, decoder(), nullptr};
  Progress progress;
};

TEST_F(EmbeddedTest, MakesWhatTheEngineMakesOfThePictureItself) {
  const auto bytes = picture("mit-fluent-leaf.webp");
  const auto made = make(bytes);
  ASSERT_TRUE(made) << made.error().message;
  engine::Params params = engine::params_of(engine::Quality::Low);
  params.picture_sha256 = hex(sha256(as_text(bytes)));
  const auto model = engine::make_model(bytes, params);
  ASSERT_TRUE(model);
  EXPECT_EQ(made->glb, model->glb) << "the walls change nothing";
  EXPECT_STREQ(progress.stage.load(), "pack");
}

TEST_F(EmbeddedTest, BrokenPicturesAreTheirOwnFault) {
  auto cut = picture("cc0-photo-coffee.jpg");
  cut.resize(cut.size() / 2);
  EXPECT_EQ(make(cut).error().code, Code::FileTruncated);
  auto damaged = picture("edge-two-objects.png");
  damaged[damaged.size() / 2] ^= 0xff;
  EXPECT_EQ(make(damaged).error().code, Code::PictureUnreadable);
  EXPECT_EQ(make(picture("edge-blank-white.png")).error().code, Code::NoObjectFound);
}

TEST_F(EmbeddedTest, StopsBeforeItBeginsWhenCancelled) {
  progress.cancelled = true;
  EXPECT_EQ(make(picture("mit-fluent-leaf.webp")).error().code, Code::Cancelled);
  EXPECT_STREQ(progress.stage.load(), "decode");
}

}  // namespace
}  // namespace i2m::providers
