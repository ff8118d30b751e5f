// Packs OBJ models into one file: pack LIST OUT. LIST has a line an object, tab-separated: split (0, 1), weight, the
// rotation's nine numbers, path of the OBJ. Triangulates, simplifies to `triangles_max`, shrinks textures.
#include <meshoptimizer.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <sstream>

#include "model.h"

namespace i2m::train {
namespace {

constexpr std::size_t triangles_max = 8000;
constexpr int texture_px_max = 96;
namespace fs = std::filesystem;

struct Library {
  std::map<std::string, std::uint16_t> index;
  std::map<std::string, std::int32_t> texture_of;
};

std::int32_t load_texture(Model& model, Library& library, const fs::path& file, bool& cutout) {
  const auto known = library.texture_of.find(file);
  if (known != library.texture_of.end()) return known->second;
  cv::Mat image = cv::imread(file, cv::IMREAD_UNCHANGED);
  std::int32_t at = -1;
  if (!image.empty()) {
    if (image.depth() != CV_8U) image.convertTo(image, CV_8U, 1.0 / 257);
    if (image.channels() == 1)
      cv::cvtColor(image, image, cv::COLOR_GRAY2RGBA);
    else if (image.channels() == 3)
      cv::cvtColor(image, image, cv::COLOR_BGR2RGBA);
    else
      cv::cvtColor(image, image, cv::COLOR_BGRA2RGBA);
    const double shrink = std::min(1.0, static_cast<double>(texture_px_max) / std::max(image.cols, image.rows));
    cv::resize(image, image, {std::max(1, cvRound(image.cols * shrink)), std::max(1, cvRound(image.rows * shrink))}, 0,
               0, cv::INTER_AREA);
    cv::Mat alpha;
    cv::extractChannel(image, alpha, 3);
    cutout = cv::countNonZero(alpha < 128) > alpha.rows * alpha.cols / 50;
    at = static_cast<std::int32_t>(model.textures.size());
    model.textures.push_back({image.cols, image.rows, {image.datastart, image.dataend}});
  }
  library.texture_of[file] = at;
  return at;
}

void load_materials(Model& model, Library& library, const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  Material* material = nullptr;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "newmtl") {
      std::string name;
      words >> name;
      library.index[name] = static_cast<std::uint16_t>(model.materials.size());
      material = &model.materials.emplace_back();
    } else if (material == nullptr) {
      continue;
    } else if (key == "Kd") {
      words >> material->colour.x >> material->colour.y >> material->colour.z;
    } else if (key == "Ks") {
      words >> material->shine;
    } else if (key == "d") {
      words >> material->opacity;
    } else if (key == "map_Kd") {
      std::string name, last;
      while (words >> name) last = name;
      std::replace(last.begin(), last.end(), '\\', '/');
      bool cutout = false;
      material->texture = load_texture(model, library, file.parent_path() / last, cutout);
      if (cutout) material->cutout = 1;
      if (material->texture >= 0 && material->colour.x + material->colour.y + material->colour.z < 0.3F) {
        material->colour = {1, 1, 1};  // viewers show the picture alone
      }
    }
  }
}

bool load(Model& model, const fs::path& file) {
  std::ifstream in(file);
  if (!in) return false;
  std::vector<Vec3> points;
  std::vector<Vec2> coordinates;
  std::map<std::pair<long, long>, std::uint32_t> corner;
  Library library;
  std::uint16_t material = 0;
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("v ")) {
      Vec3 p;
      std::sscanf(line.c_str() + 2, "%f %f %f", &p.x, &p.y, &p.z);
      points.push_back(p);
    } else if (line.starts_with("vt ")) {
      Vec2 t;
      std::sscanf(line.c_str() + 3, "%f %f", &t.x, &t.y);
      coordinates.push_back(t);
    } else if (line.starts_with("mtllib ")) {
      std::istringstream words(line.substr(7));
      std::string name;
      words >> name;
      load_materials(model, library, file.parent_path() / name);
    } else if (line.starts_with("usemtl ")) {
      std::istringstream words(line.substr(7));
      std::string name;
      words >> name;
      const auto [at, fresh] = library.index.try_emplace(name, static_cast<std::uint16_t>(model.materials.size()));
      if (fresh) model.materials.emplace_back();
      material = at->second;
    } else if (line.starts_with("f ")) {
      if (model.materials.empty()) model.materials.emplace_back();
      std::istringstream words(line.substr(2));
      std::string word;
      std::vector<std::uint32_t> loop;
      while (words >> word) {
        char* end = nullptr;
        long v = std::strtol(word.c_str(), &end, 10), t = 0;
        if (*end == '/' && end[1] != '/') t = std::strtol(end + 1, nullptr, 10);
        v = v < 0 ? static_cast<long>(points.size()) + v : v - 1;
        t = t < 0 ? static_cast<long>(coordinates.size()) + t : t - 1;
        if (v < 0 || v >= static_cast<long>(points.size())) continue;
        if (t >= static_cast<long>(coordinates.size())) t = -1;
        const auto [at, fresh] = corner.try_emplace({v, t}, static_cast<std::uint32_t>(model.positions.size()));
        if (fresh) {
          model.positions.push_back(points[static_cast<std::size_t>(v)]);
          model.uv.push_back(t < 0 ? Vec2{} : coordinates[static_cast<std::size_t>(t)]);
        }
        loop.push_back(at->second);
      }
      for (std::size_t i = 2; i < loop.size(); ++i) {
        model.triangles.push_back({loop[0], loop[i - 1], loop[i]});
        model.material_of.push_back(material);
      }
    }
  }
  return !model.triangles.empty();
}

// Each material is simplified by itself, its borders locked, so that no crack opens between two.
void simplify(Model& model) {
  if (model.triangles.size() <= triangles_max) return;
  const float keep = static_cast<float>(triangles_max) / static_cast<float>(model.triangles.size());
  std::vector<std::array<std::uint32_t, 3>> triangles;
  std::vector<std::uint16_t> material_of;
  for (std::size_t m = 0; m < model.materials.size(); ++m) {
    std::vector<unsigned int> indices;
    for (std::size_t t = 0; t < model.triangles.size(); ++t) {
      if (model.material_of[t] == m)
        indices.insert(indices.end(), model.triangles[t].begin(), model.triangles[t].end());
    }
    if (indices.empty()) continue;
    std::vector<unsigned int> out(indices.size());
    const auto share = static_cast<std::size_t>(static_cast<float>(indices.size() / 3) * keep) * 3;
    const std::size_t target = std::min(indices.size(), std::max<std::size_t>(36, share));
    out.resize(meshopt_simplify(out.data(), indices.data(), indices.size(), &model.positions[0].x,
                                model.positions.size(), sizeof(Vec3), target, 0.02F, meshopt_SimplifyLockBorder,
                                nullptr));
    for (std::size_t i = 0; i + 2 < out.size(); i += 3) {
      triangles.push_back({out[i], out[i + 1], out[i + 2]});
      material_of.push_back(static_cast<std::uint16_t>(m));
    }
  }
  model.triangles = std::move(triangles);
  model.material_of = std::move(material_of);
}

void drop_unused(Model& model) {
  std::vector<std::int64_t> at(model.positions.size(), -1);
  std::vector<Vec3> positions;
  std::vector<Vec2> uv;
  for (auto& triangle : model.triangles) {
    for (std::uint32_t& i : triangle) {
      if (at[i] < 0) {
        at[i] = static_cast<std::int64_t>(positions.size());
        positions.push_back(model.positions[i]);
        uv.push_back(model.uv[i]);
      }
      i = static_cast<std::uint32_t>(at[i]);
    }
  }
  model.positions = std::move(positions);
  model.uv = std::move(uv);
}

int pack(const char* list, const char* out) {
  std::ifstream in(list);
  std::ofstream to(out, std::ios::binary);
  std::string line;
  std::size_t count = 0, triangles = 0, read_in = 0;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    Model model;
    std::array<float, 9> r{};
    std::string path;
    words >> model.split >> model.weight;
    for (float& value : r) words >> value;
    words >> std::ws;
    std::getline(words, path);
    model.name = path;
    if (!load(model, path)) {
      std::fprintf(stderr, "skipped: %s\n", path.c_str());
      continue;
    }
    read_in += model.triangles.size();
    for (Vec3& p : model.positions) {
      p = {r[0] * p.x + r[1] * p.y + r[2] * p.z, r[3] * p.x + r[4] * p.y + r[5] * p.z,
           r[6] * p.x + r[7] * p.y + r[8] * p.z};
    }
    simplify(model);
    drop_unused(model);
    normalise(model);
    triangles += model.triangles.size();
    ++count;
    write(to, model);
  }
  std::printf("%zu objects, %zu triangles of %zu\n", count, triangles, read_in);
  return to ? 0 : 1;
}

}  // namespace
}  // namespace i2m::train

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "pack LIST OUT\n"), 2;
  return i2m::train::pack(argv[1], argv[2]);
}
