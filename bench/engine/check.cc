// Holds the harness against the reference's own pictures and clouds:
//
//   engine_check FURNITURE PICTURES
//
// FURNITURE holds the unpacked catalogues, PICTURES is test/data/pictures. For each picture that was rendered from a
// known object: how far the outlines agree, how far the colours differ; for each cloud: its distance from ours, beside
// the distance of two of ours.
#include <algorithm>
#include <cstdio>
#include <opencv2/imgproc.hpp>

#include "backdrops.h"
#include "catalogue.h"
#include "engine/measure.h"
#include "files.h"
#include "image/decode.h"
#include "raster.h"
#include "truth.h"

namespace {

using namespace i2m;

struct Known {
  const char* name;  // of the picture, up to the view
  const char* object;
  const char* rest;  // after it
  bool cloud;
};
constexpr Known known[] = {
    {"cc0-teddy", "BlendSwap-CC-0/teddyBear", "A-white.jpg", true},
    {"cc0-teddy", "BlendSwap-CC-0/teddyBear", "B-alpha.png", true},
    {"cc0-chairoak", "BlendSwap-CC-0/oakChair", "B-alpha.png", true},
    {"cc0-barrel", "BlendSwap-CC-0/barrel", "B-shadow.jpg", true},
    {"cc0-basketball", "BlendSwap-CC-0/basketball", "A-colour.webp", true},
    {"cc0-kitchenaid", "BlendSwap-CC-0/kitchenaid", "B-white.webp", true},
    {"cc0-tetrapak", "BlendSwap-CC-0/tetrapak", "B-colour.jpg", true},
    {"ccby-jar", "Scopia/old_jar", "A-alpha.webp", false},
    {"ccby-sneakers", "Scopia/sneakers", "B-white.jpg", false},
    {"ccby-winebottle", "KatorLegaz/red-wine-bottle-01", "B-white.jpg", false},
    {"ccby-mug", "KatorLegaz/coffee-mug", "A-shadow.jpg", false},
};

std::string path_of(const Known& each) { return std::string(each.name) + "-" + each.rest; }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) bench::give_up("usage: engine_check FURNITURE PICTURES [OUT]");
  const std::filesystem::path pictures = argv[2];
  const auto catalogue = bench::read_catalogues(argv[1]);
  for (const Known& each : known) {
    const auto entry = std::ranges::find_if(catalogue, [&](const auto& e) { return e.name() == each.object; });
    if (entry == catalogue.end()) bench::give_up(std::string("no ") + each.object);
    auto object = bench::load_object(entry->model, entry->rotation);
    if (!object) bench::give_up(object.error().detail);
    bench::normalise(*object);
    const char view_name = each.rest[0];
    const bench::View view = view_name == 'A' ? bench::view_a : bench::view_b;
    const auto bytes = engine::read_bytes(pictures / path_of(each));
    const auto theirs = image::decode(bytes, *image::probe(bytes), 4096);
    const cv::Mat ours = bench::picture_of(*object, view, theirs->rgb.cols);
    if (argc > 3)
      bench::write_png(std::filesystem::path(argv[3]) / (std::string(each.name) + view_name + ".png"), ours);
    if (argc > 3) bench::write_png(std::filesystem::path(argv[3]) / (path_of(each) + ".png"), theirs->rgb);
    if (argc > 3)
      bench::write_png(std::filesystem::path(argv[3]) / (path_of(each) + ".ours.png"),
                       bench::put_on(ours, bench::Backdrop::Shadow, {}, "x"));
    std::printf("%-28s", path_of(each).c_str());
    cv::Mat alpha;
    cv::extractChannel(ours, alpha, 3);
    const cv::Mat in = alpha > 127;
    if (!theirs->alpha.empty()) {
      const cv::Mat there = theirs->alpha > 127;
      std::printf(" outline %.4f", static_cast<double>(cv::countNonZero(in & there)) / cv::countNonZero(in | there));
    }
    cv::Mat rgb;
    cv::cvtColor(ours, rgb, cv::COLOR_RGBA2RGB);
    const cv::Scalar mean_ours = cv::mean(rgb, in), mean_theirs = cv::mean(theirs->rgb, in);
    cv::Mat difference;
    cv::absdiff(rgb, theirs->rgb, difference);
    const cv::Scalar d = cv::mean(difference, in);
    std::printf(" mean colour %3.0f %3.0f %3.0f theirs %3.0f %3.0f %3.0f difference %.1f", mean_ours[0], mean_ours[1],
                mean_ours[2], mean_theirs[0], mean_theirs[1], mean_theirs[2], (d[0] + d[1] + d[2]) / 3);
    if (each.cloud) {
      const auto cloud = engine::read_cloud(pictures / "truth" / (std::string(each.name) + "-" + view_name + ".f32"));
      const auto mine = bench::visible_points(*object, view, 2 * cloud.size());
      std::vector<mesh::Vec3> even, odd;
      for (std::size_t i = 0; i < mine.size(); ++i) (i % 2 == 0 ? even : odd).push_back(mine[i]);
      const auto apart = engine::distance_between(even, cloud), noise = engine::distance_between(even, odd);
      std::printf(" cloud CD %.4f F %.4f, noise %.4f", apart.distance, apart.f, noise.distance);
    }
    std::printf("\n");
  }
}
