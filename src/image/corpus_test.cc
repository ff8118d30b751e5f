// The corpora of broken pictures through the decoding child, behind all its walls: none crashes it, takes over two
// seconds or 512 MiB; each comes out as a picture or as a refusal that tells the user what to do.
#include <csignal>
#include <cstdlib>
#include <map>

#include "image/decode.h"
#include "image/decoder.h"
#include "image/test_corpus.h"
#include "image/test_pictures.h"

namespace i2m::image {
namespace {

using namespace std::chrono_literals;

// `./dev fuzz` asks for many more.
int mutations_asked() {
  const char* const asked = std::getenv("I2M_MUTATIONS");
  constexpr int quick = 9;
  return asked == nullptr ? quick : std::max(1, std::atoi(asked));
}

bool is_about_the_picture(const Error& error) {
  return error.code == Code::PictureUnreadable || error.code == Code::FileTruncated;
}

TEST(Corpus, NoBrokenPictureGetsBeyondTheWalls) {
  const auto decoder = Decoder::open({});
  ASSERT_TRUE(decoder) << decoder.error().message;
  constexpr int cuts = 4;
  std::map<std::string, int> counts;
  std::chrono::microseconds longest{};
  std::uint64_t largest = 0;
  corpus::for_each_case(
      {pictures(), I2M_CORPUS}, cuts, mutations_asked(), [&](const std::string& name, const FileBytes& bytes) {
        ++counts["cases"];
        const auto info = probe(bytes);
        if (!info) {
          EXPECT_FALSE(info.error().message.empty()) << name;
          ++counts["refused by their headers"];
          return;
        }
        Decoder::Spent spent;
        const auto made = decoder->decode(bytes, *info, 2048, &spent);
        EXPECT_TRUE(spent.ended_by_signal == 0 || spent.ended_by_signal == SIGXCPU)
            << name << ": " << spent.ended_by_signal;
        EXPECT_LE(spent.cpu, 2500ms) << name << ": the limit is looked at once a tick";
        EXPECT_LE(spent.resident_bytes, memory_bytes_max) << name;
        longest = std::max(longest, spent.cpu);
        largest = std::max(largest, spent.resident_bytes);
        if (spent.cpu > 300ms || spent.resident_bytes > memory_bytes_max / 4) {
          std::printf("%5lld ms %4llu MiB %s: %s\n", static_cast<long long>(spent.cpu / 1ms),
                      static_cast<unsigned long long>(spent.resident_bytes >> 20), name.c_str(),
                      made ? "decoded" : made.error().detail.c_str());
        }
        if (made) {
          EXPECT_FALSE(made->rgb.empty()) << name;
          EXPECT_LE(std::max(made->rgb.cols, made->rgb.rows), 2048) << name;
          ++counts["decoded"];
          return;
        }
        EXPECT_TRUE(is_about_the_picture(made.error())) << name << ": " << made.error().detail;
        EXPECT_FALSE(made.error().message.empty()) << name;
        ++counts[made.error().message.contains("time or memory") ? "too demanding" : "refused by their decoder"];
      });
  for (const auto& [what, count] : counts) std::printf("%6d %s\n", count, what.c_str());
  std::printf("longest %lld ms, largest %llu MiB\n", static_cast<long long>(longest / 1ms),
              static_cast<unsigned long long>(largest >> 20));
  EXPECT_GT(counts["cases"], 2000);
  EXPECT_GT(counts["decoded"], counts["cases"] / 10) << "a corpus that is refused at the door shows nothing";
  EXPECT_GT(counts["refused by their decoder"], counts["cases"] / 10);
}

}  // namespace
}  // namespace i2m::image
