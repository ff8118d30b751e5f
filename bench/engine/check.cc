// Holds the harness against the reference's own pictures and clouds:
//
//   engine_check FURNITURE PICTURES
//
// FURNITURE holds the unpacked catalogues, PICTURES is test/data/pictures. For each picture that was rendered from a
// known object: how far outlines and colours agree, how well the engine cuts the object out of that picture and of ours
// of the same kind; for each cloud: its distance from ours, beside the distance of two of ours. Exit code 1 when they
// are not the same but for chance.
#include <algorithm>
#include <cstdio>
#include <opencv2/imgproc.hpp>

#include "backdrops.h"
#include "catalogue.h"
#include "engine/mask.h"
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

constexpr double outline_min = 0.999, colour_max = 6, cloud_max = 1.1;  // of 1, of 255, times the chance

std::string path_of(const Known& each) { return std::string(each.name) + "-" + each.rest; }

double agreement_of(const cv::Mat& a, const cv::Mat& b) {
  return static_cast<double>(cv::countNonZero(a & b)) / std::max(1, cv::countNonZero(a | b));
}

/// How well the engine finds what lies at `truth`.
double found(const image::Picture& picture, const cv::Mat& truth) {
  cv::setRNGSeed(1);
  const auto mask = engine::find_object(picture);
  return mask ? agreement_of(mask->alpha > 127, truth) : 0;
}

bool check_picture(const Known& each, const image::Picture& theirs, const cv::Mat& ours) {
  cv::Mat alpha, rgb, difference;
  cv::extractChannel(ours, alpha, 3);
  cv::cvtColor(ours, rgb, cv::COLOR_RGBA2RGB);
  const cv::Mat in = alpha > 127;
  cv::absdiff(rgb, theirs.rgb, difference);
  const cv::Scalar by = cv::mean(difference, in);
  const double colour = (by[0] + by[1] + by[2]) / 3;
  std::printf("%-29s colour %.1f", path_of(each).c_str(), colour);
  if (!theirs.alpha.empty()) {
    const double outline = agreement_of(in, theirs.alpha > 127);
    std::printf(", outline %.4f", outline);
    return outline >= outline_min && colour <= colour_max;
  }
  for (const bench::Backdrop backdrop : bench::solid_backdrops) {
    if (!path_of(each).contains(bench::name_of(backdrop))) continue;
    const image::Picture same{.rgb = bench::put_on(ours, backdrop, {}, each.name), .alpha = {}};
    std::printf(", mask %.3f, of ours %.3f", found(theirs, in), found(same, in));
  }
  return colour <= colour_max;
}

bool check_cloud(const std::filesystem::path& file, const bench::Object& object, bench::View view) {
  const auto cloud = engine::read_cloud(file);
  const auto mine = bench::visible_points(object, view, 2 * cloud.size());
  std::vector<mesh::Vec3> even, odd;
  for (std::size_t i = 0; i < mine.size(); ++i) (i % 2 == 0 ? even : odd).push_back(mine[i]);
  const auto apart = engine::distance_between(even, cloud), chance = engine::distance_between(even, odd);
  std::printf(", cloud %.4f away, two of ours %.4f", apart.distance, chance.distance);
  return apart.distance <= cloud_max * chance.distance;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) bench::give_up("usage: engine_check FURNITURE PICTURES");
  const std::filesystem::path pictures = argv[2];
  const auto catalogue = bench::read_catalogues(argv[1]);
  bool same = true;
  for (const Known& each : known) {
    const auto entry = std::ranges::find_if(catalogue, [&](const auto& e) { return e.name() == each.object; });
    if (entry == catalogue.end()) bench::give_up(std::string("no ") + each.object);
    auto object = bench::load_object(entry->model, entry->rotation);
    if (!object) bench::give_up(object.error().detail);
    bench::normalise(*object);
    const char view_name = each.rest[0];
    const bench::View view = view_name == 'A' ? bench::view_a : bench::view_b;
    const auto bytes = engine::read_bytes(pictures / path_of(each));
    const auto info = image::probe(bytes);
    const auto theirs = info ? image::decode(bytes, *info, 4096) : std::unexpected(info.error());
    if (!theirs) bench::give_up("cannot read " + path_of(each));
    bool alike = check_picture(each, *theirs, bench::picture_of(*object, view, theirs->rgb.cols));
    if (each.cloud) {
      alike &= check_cloud(pictures / "truth" / (std::string(each.name) + "-" + view_name + ".f32"), *object, view);
    }
    std::printf("%s\n", alike ? "" : ", NOT ALIKE");
    same &= alike;
  }
  return same ? 0 : 1;
}
