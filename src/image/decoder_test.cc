#include "image/decoder.h"

#include <grp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "image/decode.h"
#include "image/jpeg_write.h"
#include "image/test_corpus.h"
#include "image/test_pictures.h"
#include "image/test_walls.h"

namespace i2m::image {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int any_side = 2048;
constexpr PictureInfo one_pixel{.type = PictureType::Png, .width = 1, .height = 1};

fs::path beside(const char* program) { return fs::read_symlink("/proc/self/exe").parent_path() / program; }

Decoder open_decoder(Decoder::Settings settings = {}) {
  auto decoder = Decoder::open(std::move(settings));
  EXPECT_TRUE(decoder) << decoder.error().message;
  return *std::move(decoder);
}

bool equal(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && (a.empty() || cv::norm(a, b, cv::NORM_INF) == 0);
}

std::size_t open_files() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator{}));
}

TEST(Decoder, AnswersWhatTheSameDecodersAnswerInThisProcess) {
  const Decoder decoder = open_decoder();
  for (const corpus::File& file : corpus::read_folders({pictures(), I2M_CORPUS})) {
    const auto info = probe(file.bytes);
    if (!info) continue;
    for (const int side : {any_side, 100}) {
      const auto here = decode(file.bytes, *info, side), there = decoder.decode(file.bytes, *info, side);
      ASSERT_EQ(here.has_value(), there.has_value()) << file.name << ": " << (here ? there : here).error().detail;
      if (!here) {
        EXPECT_EQ(here.error().code, there.error().code) << file.name;
        EXPECT_EQ(here.error().message, there.error().message) << file.name;
        EXPECT_EQ(here.error().detail, there.error().detail) << file.name;
        continue;
      }
      EXPECT_TRUE(equal(here->rgb, there->rgb)) << file.name;
      EXPECT_TRUE(equal(here->alpha, there->alpha)) << file.name;
    }
  }
}

TEST(Decoder, LeavesNothingBehindAndWorksFromManyThreads) {
  const Decoder decoder = open_decoder();
  const FileBytes bytes = picture("mit-fluent-leaf.webp");
  const auto info = probe(bytes);
  const std::size_t before = open_files();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(decoder.decode(bytes, *info, any_side));
    });
  }
  threads.clear();
  EXPECT_EQ(open_files(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child was left";
}

TEST(Decoder, WorksWhereStandardInputAndOutputAreClosed) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(0);
    ::close(1);
    ::_exit(Decoder::open({}) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Decoder, WorksWhereNobodyWaitsForChildren) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGCHLD, SIG_IGN);
    ::_exit(Decoder::open({}) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

// As root the tests run as an ordinary user in a child, with the program where he may read it.
TEST(Decoder, WorksForAnOrdinaryUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "this is an ordinary user: all tests show it";
  const fs::path folder = fs::temp_directory_path() / ("i2m_decoder_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
  fs::copy_file(beside("image2model-decode"), folder / "decode");
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t someone = 12'345;
    const bool changed = ::setgroups(0, nullptr) == 0 && ::setresgid(someone, someone, someone) == 0 &&
                         ::setresuid(someone, someone, someone) == 0;
    const auto decoder = Decoder::open({.program = folder / "decode"});
    if (!decoder) std::fprintf(stderr, "%s\n", decoder.error().message.c_str());
    ::_exit(changed && decoder && decoder->filtered() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  fs::remove_all(folder);
}

TEST(Decoder, RefusesToStartWithoutItsProgram) {
  const auto decoder = Decoder::open({.program = "/nowhere/image2model-decode"});
  ASSERT_FALSE(decoder);
  EXPECT_EQ(decoder.error().code, Code::Unavailable);
  EXPECT_TRUE(decoder.error().message.contains("/nowhere/image2model-decode is missing")) << decoder.error().message;
}

// What a taken-over decoder tries. The stand-in is opened without a trial picture, which it would not decode.
class Misbehaving : public testing::Test {
 protected:
  void SetUp() override {
#if __has_feature(address_sanitizer)
    GTEST_SKIP() << "with address sanitizer the child has neither filter nor memory limit";
#endif
  }

  struct Said {
    Code code = Code::Internal;
    std::string message, detail;
    Decoder::Spent spent;
    bool got_away = false;
  };

  static Said attempt(std::string_view what, Walls walls = Walls::Required, std::chrono::milliseconds time_max = 10s) {
    const auto decoder = Decoder::untried({.program = beside("image_misbehave"), .walls = walls, .time_max = time_max});
    Said said;
    const FileBytes word(what.begin(), what.end());
    const auto made = decoder.decode(word, one_pixel, 1, &said.spent);
    said.got_away = made.has_value();
    if (made) return said;
    said.code = made.error().code;
    said.message = made.error().message;
    said.detail = made.error().detail;
    return said;
  }
};

TEST_F(Misbehaving, ForbiddenSystemCallsKillIt) {
  for (const char* what : {"file", "socket", "fork", "exec", "kill", "code-page", "root", "write"}) {
    const Said said = attempt(what);
    EXPECT_FALSE(said.got_away) << what;
    EXPECT_TRUE(said.spent.filtered) << what;
    EXPECT_EQ(said.spent.ended_by_signal, SIGSYS) << what << " " << said.detail;
    EXPECT_EQ(said.code, Code::PictureUnreadable) << what;
    EXPECT_FALSE(said.message.empty());
  }
}

TEST_F(Misbehaving, CrashesRefuseThePictureAlone) {
  const Said said = attempt("crash");
  EXPECT_EQ(said.spent.ended_by_signal, SIGSEGV);
  EXPECT_EQ(said.code, Code::PictureUnreadable);
  EXPECT_EQ(said.detail, "the decoder died of Segmentation fault");
  for (const char* what : {"silence", "code"}) EXPECT_EQ(attempt(what).code, Code::PictureUnreadable) << what;
}

TEST_F(Misbehaving, AProgramOfAnotherVersionIsNoFaultOfThePicture) {
  EXPECT_EQ(attempt("other-version").code, Code::Unavailable);
}

TEST_F(Misbehaving, LoopsEndWithTheProcessorTime) {
  const Said said = attempt("spin");
  EXPECT_EQ(said.spent.ended_by_signal, SIGXCPU);
  EXPECT_EQ(said.code, Code::PictureUnreadable);
  EXPECT_TRUE(said.message.contains("time or memory")) << said.message;
  // The kernel counts in ticks here and exactly there, which on a busy machine are a few hundred ms apart.
  EXPECT_GE(said.spent.cpu, 1s);
  EXPECT_LE(said.spent.cpu, 3s);
}

TEST_F(Misbehaving, HangingEndsByTheClock) {
  const Said said = attempt("hang", Walls::Required, 200ms);
  EXPECT_EQ(said.spent.ended_by_signal, SIGKILL);
  EXPECT_EQ(said.code, Code::PictureUnreadable);
  EXPECT_EQ(said.detail, "the decoder was out of time by the clock");
}

TEST_F(Misbehaving, MemoryEndsAtItsLimit) {
  const Said said = attempt("memory");
  EXPECT_EQ(said.code, Code::PictureUnreadable);
  EXPECT_EQ(said.detail, "the decoder was out of memory");
  EXPECT_LE(said.spent.resident_bytes, memory_bytes_max);
}

TEST_F(Misbehaving, LiesAreNotBelieved) {
  for (const char* what : {"lie-width", "lie-negative", "lie-channels", "lie-orientation"}) {
    const Said said = attempt(what);
    EXPECT_EQ(said.code, Code::PictureUnreadable) << what;
    EXPECT_EQ(said.detail, "the decoder answered nonsense") << what;
  }
  EXPECT_EQ(attempt("lie-answer").code, Code::PictureUnreadable);
  EXPECT_EQ(attempt("grow").detail, "the decoder ended with code 9") << "the room cannot be taken from under us";
  const Said detail = attempt("lie-detail");
  EXPECT_EQ(detail.detail, std::string(256, '?')) << "no control characters in the log";
}

TEST_F(Misbehaving, WithoutTheFilterNothingIsReadUnlessTheOperatorSaysSo) {
  EXPECT_EQ(where_filters_are_refused([] {
              const auto decoder = Decoder::open({});
              if (!decoder) std::fprintf(stderr, "%s\n", decoder.error().message.c_str());
              return !decoder && decoder.error().code == Code::Unavailable &&
                     decoder.error().message.contains("DECODE_WALLS=limits") &&
                     decoder.error().message.contains("the kernel refuses the filter of system calls");
            }),
            0);
  EXPECT_EQ(where_filters_are_refused([] {
              const auto decoder = Decoder::open({.walls = Walls::Limits});
              const FileBytes bytes = picture("mit-fluent-leaf.webp");
              return decoder && !decoder->filtered() && decoder->decode(bytes, *probe(bytes), any_side).has_value();
            }),
            0);
}

TEST_F(Misbehaving, WithoutTheFilterTheLimitsHold) {
  const std::pair<const char*, const char*> rows[] = {{"file", "EMFILE"}, {"socket", "EMFILE"}, {"fork", "EAGAIN"},
                                                      {"root", "EPERM"},  {"memory", "memory"}, {"write", "EBADF"}};
  for (const auto& [what, why] : rows) {
    const int status = where_filters_are_refused([&] {
      const Said said = attempt(what, Walls::Limits);
      std::fprintf(stderr, "%s: %s\n", what, said.detail.c_str());
      return !said.got_away && !said.spent.filtered && said.spent.ended_by_signal == 0 &&
             said.code == Code::PictureUnreadable && said.detail.contains(why);
    });
    EXPECT_EQ(status, 0) << what;
  }
}

}  // namespace
}  // namespace i2m::image
