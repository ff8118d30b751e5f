#include "mesh/rewrite.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "mesh/gltf.h"
#include "mesh/pack.h"
#include "mesh/scene.h"
#include "mesh/streams.h"

namespace i2m::mesh {
namespace {

using Visit = std::function<void(Json& index)>;

void visit_members(Json* object, const Visit& visit) {
  if (object == nullptr) return;
  for (JsonMember& member : object->members) visit(member.value);
}

void visit_member(Json& object, std::string_view name, const Visit& visit) {
  if (Json* found = object.find(name); found != nullptr) visit(*found);
}

// Every place in a file that names an accessor.
void visit_accessors(Json& root, const Visit& visit) {
  for (Json& mesh : root.items_of("meshes")) {
    for (Json& primitive : mesh.items_of("primitives")) {
      visit_members(primitive.find("attributes"), visit);
      visit_member(primitive, "indices", visit);
      if (Json* targets = primitive.find("targets"); targets != nullptr) {
        for (Json& target : targets->items) visit_members(&target, visit);
      }
    }
  }
  if (Json* animations = root.find("animations"); animations != nullptr) {
    for (Json& animation : animations->items) {
      for (Json& sampler : animation.items_of("samplers")) {
        visit_member(sampler, "input", visit);
        visit_member(sampler, "output", visit);
      }
    }
  }
  if (Json* skins = root.find("skins"); skins != nullptr) {
    for (Json& skin : skins->items) visit_member(skin, "inverseBindMatrices", visit);
  }
  for (Json& node : root.items_of("nodes")) {
    Json* extensions = node.find("extensions");
    Json* instances = extensions == nullptr ? nullptr : extensions->find("EXT_mesh_gpu_instancing");
    if (instances != nullptr) visit_members(instances->find("attributes"), visit);
  }
}

// Every place that names a buffer view, extensions' ones too. Extras are the author's.
void visit_views(Json& json, const Visit& visit) {
  for (Json& item : json.items) visit_views(item, visit);
  for (auto& [name, value] : json.members) {
    if (name == "extras") continue;
    if (name == "bufferView" && value.kind == Json::Kind::Number) visit(value);
    visit_views(value, visit);
  }
}

void list_extension(Json& root, std::string_view list, std::string_view name) {
  auto& items = root.items_of(list);
  if (std::ranges::none_of(items, [&](const Json& item) { return item.text == name; })) items.push_back(Json::of(name));
}

void unlist_extension(Json& root, std::string_view name) {
  for (const std::string_view list : {"extensionsUsed", "extensionsRequired"}) {
    Json* found = root.find(list);
    if (found == nullptr) continue;
    std::erase_if(found->items, [&](const Json& item) { return item.text == name; });
    if (found->items.empty()) root.erase(list);
  }
}

class Writer {
 public:
  Writer(Gltf& gltf, Json root) : gltf_(gltf), root_(std::move(root)) {}

  void put(const std::vector<Stream>& streams, Packing packing) {
    for (const Stream& stream : streams) put(stream, packing);
  }

  Result<std::vector<std::uint8_t>> finish() {
    keep_used("accessors", [&](const Visit& visit) { visit_accessors(root_, visit); });
    const auto views = keep_used("bufferViews", [&](const Visit& visit) { visit_views(root_, visit); });
    CHECK_OK(lay_out(views));
    return join_glb(write_json(root_), bin_);
  }

  Json& root() { return root_; }

 private:
  void put(const Stream& stream, Packing packing) {
    const std::size_t old_views = gltf_.views().size();
    const auto add = [&](Block block, Json accessor) {
      accessor.set("bufferView", Json::of(static_cast<double>(old_views + fresh_.size())));
      accessor.set("count", Json::of(static_cast<double>(block.count)));
      fresh_.push_back(std::move(block));
      root_.items_of("bufferViews").emplace_back(Json::object());
      auto& accessors = root_.items_of("accessors");
      accessors.push_back(std::move(accessor));
      return Json::of(static_cast<double>(accessors.size() - 1));
    };
    Json indices = Json::object();
    const bool narrow = stream.vertices <= 65'535;
    indices.set("componentType",
                Json::of(static_cast<double>(narrow ? Component::UnsignedShort : Component::UnsignedInt)));
    indices.set("type", Json::of(std::string_view{"SCALAR"}));
    const Json indices_at = add(block_of_indices(stream.indices, stream.vertices, packing), std::move(indices));
    Json attributes = Json::object();
    Json targets = Json::array();
    for (const Attribute& attribute : stream.attributes) {
      Json at = add(block_of(attribute, stream.vertices, packing), accessor_of(attribute));
      if (attribute.target == Attribute::base) {
        attributes.set(attribute.name, std::move(at));
        continue;
      }
      while (targets.items.size() <= static_cast<std::size_t>(attribute.target))
        targets.items.push_back(Json::object());
      targets.items[static_cast<std::size_t>(attribute.target)].set(attribute.name, std::move(at));
    }
    Json& primitive = root_.items_of("meshes")[stream.mesh].items_of("primitives")[stream.primitive];
    primitive.erase("mode");
    primitive.set("attributes", std::move(attributes));
    primitive.set("indices", indices_at);
    if (!targets.items.empty()) primitive.set("targets", std::move(targets));
  }

  static Json accessor_of(const Attribute& attribute) {
    Json out = Json::object();
    out.set("componentType", Json::of(static_cast<double>(attribute.component_type)));
    out.set("type", Json::of(attribute.type));
    if (attribute.normalized) out.set("normalized", Json::of(true));
    if (attribute.name != "POSITION") return out;
    const auto numbers = numbers_of(attribute.bytes, attribute.component_type, false);
    const std::size_t components = components_of(attribute.type);
    std::vector<double> low(components, std::numeric_limits<double>::max());
    std::vector<double> high(components, std::numeric_limits<double>::lowest());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      low[i % components] = std::min(low[i % components], static_cast<double>(numbers[i]));
      high[i % components] = std::max(high[i % components], static_cast<double>(numbers[i]));
    }
    out.set("min", Json::of(low));
    out.set("max", Json::of(high));
    return out;
  }

  // Throws out what nobody names any more and renumbers the rest; answers the old numbers of what is left.
  template <class All>
  std::vector<std::size_t> keep_used(std::string_view list, All&& all) {
    auto& items = root_.items_of(list);
    std::vector<std::size_t> number(items.size(), items.size()), kept;
    all([&](Json& index) {
      if (const auto at = index.whole(); at && *at < number.size()) number[*at] = 0;
    });
    for (std::size_t i = 0; i < number.size(); ++i) {
      if (number[i] != 0) continue;
      number[i] = kept.size();
      kept.push_back(i);
    }
    all([&](Json& index) {
      if (const auto at = index.whole(); at && *at < number.size()) index = Json::of(static_cast<double>(number[*at]));
    });
    std::vector<Json> left;
    for (const std::size_t i : kept) left.push_back(std::move(items[i]));
    items = std::move(left);
    if (items.empty()) root_.erase(list);
    return kept;
  }

  Result<> lay_out(const std::vector<std::size_t>& views) {
    const std::size_t old_views = gltf_.views().size();
    std::size_t unpacked_bytes = 0;
    for (std::size_t i = 0; i < views.size(); ++i) {
      Json& json = root_.items_of("bufferViews")[i];
      if (views[i] < old_views) {
        TRY(const auto bytes, gltf_.view_bytes(views[i]));
        align(gltf_.views()[views[i]].packed == nullptr ? gltf_.views()[views[i]].offset % 4 : 0);
        if (Json* extensions = json.find("extensions"); extensions != nullptr) {
          extensions->erase("EXT_meshopt_compression");
          if (extensions->members.empty()) json.erase("extensions");
        }
        place(json, 0, bin_.size(), bytes.size());
        bin_.insert(bin_.end(), bytes.begin(), bytes.end());
      } else {
        put_fresh(json, fresh_[views[i] - old_views], unpacked_bytes);
      }
    }
    align(0);
    Json buffers = Json::array();
    if (!bin_.empty()) buffers.items.push_back(sized(bin_.size()));
    unlist_extension(root_, "EXT_meshopt_compression");
    if (unpacked_bytes > 0) {
      Json& stand_in = buffers.items.emplace_back(sized(unpacked_bytes));
      stand_in.set("extensions", Json::object())
          .set("EXT_meshopt_compression", Json::object())
          .set("fallback", Json::of(true));
      for (const std::string_view list : {"extensionsUsed", "extensionsRequired"}) {
        list_extension(root_, list, "EXT_meshopt_compression");
      }
    }
    root_.set("buffers", std::move(buffers));
    return {};
  }

  void put_fresh(Json& json, const Block& block, std::size_t& unpacked_bytes) {
    align(0);
    const bool packed = !block.mode.empty();
    place(json, packed ? 1 : 0, packed ? unpacked_bytes : bin_.size(), block.bytes.size());
    constexpr int array_buffer = 34962;
    if (block.target == array_buffer) json.set("byteStride", Json::of(static_cast<double>(block.stride)));
    json.set("target", Json::of(static_cast<double>(block.target)));
    if (packed) {
      unpacked_bytes += (block.bytes.size() + 3) / 4 * 4;
      Json& how = json.set("extensions", Json::object()).set("EXT_meshopt_compression", Json::object());
      place(how, 0, bin_.size(), block.packed.size());
      how.set("byteStride", Json::of(static_cast<double>(block.stride)));
      how.set("count", Json::of(static_cast<double>(block.count)));
      how.set("mode", Json::of(block.mode));
      if (!block.filter.empty()) how.set("filter", Json::of(block.filter));
    }
    const auto& bytes = packed ? block.packed : block.bytes;
    bin_.insert(bin_.end(), bytes.begin(), bytes.end());
  }

  // An accessor's own offset and its view's are aligned together: the remainder stays what it was.
  void align(std::size_t remainder) {
    while (bin_.size() % 4 != remainder) bin_.push_back(0);
  }

  static void place(Json& json, std::size_t buffer, std::size_t offset, std::size_t length) {
    json.set("buffer", Json::of(static_cast<double>(buffer)));
    json.set("byteOffset", Json::of(static_cast<double>(offset)));
    json.set("byteLength", Json::of(static_cast<double>(length)));
  }

  static Json sized(std::size_t bytes) {
    Json out = Json::object();
    out.set("byteLength", Json::of(static_cast<double>(bytes)));
    return out;
  }

  Gltf& gltf_;
  Json root_;
  std::vector<Block> fresh_;
  std::vector<std::uint8_t> bin_;
};

// Meshes whose nodes must keep their vertices' units: a skin or instances are applied below the node's transform.
std::set<std::size_t> unscalable_meshes(const Json& root) {
  std::set<std::size_t> out;
  for (const Json& node : root.list("nodes")) {
    const auto mesh = node.count("mesh");
    const Json* extensions = node.find("extensions");
    const bool instanced = extensions != nullptr && extensions->find("EXT_mesh_gpu_instancing") != nullptr;
    if (mesh && (node.find("skin") != nullptr || instanced)) out.insert(*mesh);
  }
  return out;
}

// A node that says nothing but which mesh it shows can carry the steps itself; others get a child for it.
bool is_bare(const Json& root, std::size_t index) {
  const Json& node = root.list("nodes")[index];
  for (const auto& [name, value] : node.members) {
    if (name != "mesh" && name != "name" && name != "extras") return false;
  }
  for (const Json& animation : root.list("animations")) {
    for (const Json& channel : animation.list("channels")) {
      const Json* target = channel.find("target");
      if (target != nullptr && target->count("node") == index) return false;
    }
  }
  return true;
}

void place_by_steps(Json& root, const std::map<std::size_t, Steps>& steps) {
  const std::size_t count = root.list("nodes").size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto mesh = root.list("nodes")[i].count("mesh");
    if (!mesh || !steps.contains(*mesh)) continue;
    const auto& [origin, step] = steps.at(*mesh);
    const bool bare = is_bare(root, i);
    auto& nodes = root.items_of("nodes");
    if (!bare) {
      nodes[i].items_of("children").push_back(Json::of(static_cast<double>(nodes.size())));
      nodes[i].erase("mesh");
      Json child = Json::object();
      child.set("mesh", Json::of(static_cast<double>(*mesh)));
      nodes.push_back(std::move(child));
    }
    Json& node = bare ? nodes[i] : nodes.back();
    node.set("translation",
             Json::of({static_cast<double>(origin.x), static_cast<double>(origin.y), static_cast<double>(origin.z)}));
    node.set("scale", Json::of(std::vector<double>(3, static_cast<double>(step))));
  }
}

void compress(Json& root, std::vector<Stream>& streams) {
  const auto fixed = unscalable_meshes(root);
  std::map<std::size_t, std::vector<const Stream*>> by_mesh;
  for (const Stream& stream : streams) by_mesh[stream.mesh].push_back(&stream);
  std::map<std::size_t, Steps> steps;
  for (const auto& [mesh, parts] : by_mesh) {
    // All of a mesh or nothing: its points and lines would stay behind.
    if (fixed.contains(mesh) || parts.size() != root.list("meshes")[mesh].list("primitives").size()) continue;
    if (const auto found = steps_for(parts)) steps.emplace(mesh, *found);
  }
  for (Stream& stream : streams) {
    const auto found = steps.find(stream.mesh);
    quantise(stream, found == steps.end() ? std::nullopt : std::optional{found->second});
  }
  place_by_steps(root, steps);
  for (const std::string_view list : {"extensionsUsed", "extensionsRequired"}) {
    list_extension(root, list, "KHR_mesh_quantization");
  }
}

Result<> scale_scene(Json& root, float scale) {
  auto& scenes = root.items_of("scenes");
  if (scenes.size() > 1)
    return fail(Code::ContractMissed, "GLB: it holds several scenes, which cannot be scaled as one");
  auto& nodes = root.items_of("nodes");
  Json above = Json::object();
  above.set("name", Json::of(std::string_view{"real size"}));
  above.set("scale", Json::of(std::vector<double>(3, static_cast<double>(scale))));
  if (scenes.empty()) {
    std::vector<std::uint8_t> is_child(nodes.size());
    for (const Json& node : nodes) {
      for (const Json& child : node.list("children")) is_child[*child.whole()] = 1;
    }
    auto& children = above.items_of("children");
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (is_child[i] == 0) children.push_back(Json::of(static_cast<double>(i)));
    }
    scenes.emplace_back(Json::object());
    root.set("scene", Json::of(0.0));
  } else {
    above.items_of("children") = scenes.front().items_of("nodes");
  }
  Json roots = Json::array();
  roots.items.push_back(Json::of(static_cast<double>(nodes.size())));
  scenes.front().set("nodes", std::move(roots));
  nodes.push_back(std::move(above));
  return {};
}

// How often each mesh is drawn. One that no node shows counts as well: it is in the file.
std::vector<std::size_t> times_drawn(const Json& root, const std::vector<PlacedNode>& placed) {
  std::vector<std::size_t> out(root.list("meshes").size());
  for (const PlacedNode& node : placed) ++out[*root.list("nodes")[node.node].count("mesh")];
  for (std::size_t& times : out) times = std::max<std::size_t>(times, 1);
  return out;
}

// What is drawn beyond what the file holds once.
std::size_t drawn_again(const Gltf& gltf, const std::vector<std::size_t>& times) {
  std::size_t out = 0;
  for (std::size_t m = 0; m < times.size(); ++m) {
    for (const Json& primitive : gltf.root().list("meshes")[m].list("primitives")) {
      const auto indices = primitive.count("indices");
      const std::size_t at = indices ? *indices : *primitive.find("attributes")->count("POSITION");
      const std::size_t corners = gltf.accessors()[at].count;
      const std::uint64_t mode = primitive.count_or("mode", mode_triangles).value_or(mode_triangles);
      const std::size_t triangles = mode == mode_triangles                 ? corners / 3
                                    : mode > mode_triangles && corners > 2 ? corners - 2
                                                                           : 0;
      out += triangles * (times[m] - 1);
    }
  }
  return out;
}

std::size_t drawn(const std::vector<Stream>& streams, const std::vector<std::size_t>& times) {
  std::size_t out = 0;
  for (const Stream& stream : streams) out += stream.indices.size() / 3 * times[stream.mesh];
  return out;
}

// The budget is for what is drawn: a mesh that is placed thrice has a third of it.
Slimmed slim_drawn(std::vector<Stream>& streams, const std::vector<std::size_t>& times, std::size_t triangles_max) {
  if (std::ranges::all_of(times, [](std::size_t n) { return n == 1; })) return slim(streams, triangles_max);
  constexpr int attempts = 4;
  const std::vector<Stream> given = streams;
  std::size_t held = 0;
  for (const Stream& stream : streams) held += stream.indices.size() / 3;
  double target = static_cast<double>(held), now = static_cast<double>(drawn(streams, times));
  Slimmed out;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    target *= static_cast<double>(triangles_max) / now;
    streams = given;
    out = slim(streams, static_cast<std::size_t>(std::max(1.0, target)));
    now = static_cast<double>(drawn(streams, times));
    out.reached = now <= static_cast<double>(triangles_max);
    if (out.reached) break;
  }
  return out;
}

Result<Rewritten> rewrite(std::span<const std::uint8_t> glb, const Rewrite& wish) {
  TRY(Gltf gltf, Gltf::open(glb));
  CHECK_OK(check_required(gltf.root()));
  TRY(const auto placed, place_nodes(gltf.root()));
  Json root = gltf.root();
  Rewritten out;
  const std::vector<std::size_t> times = times_drawn(root, placed);
  out.triangles_before = out.triangles = gltf.summary().triangles + drawn_again(gltf, times);
  const bool fewer = wish.triangles_max && *wish.triangles_max < out.triangles;
  std::vector<Stream> streams;
  if (fewer || wish.compress) {
    TRY(streams, read_streams(gltf, placed));
    const Slimmed slimmed = fewer ? slim_drawn(streams, times, *wish.triangles_max) : slim(streams, out.triangles);
    out.triangles = fewer ? drawn(streams, times) : slimmed.triangles;
    out.reached = slimmed.reached;
    out.normals_remade = slimmed.normals_remade;
    for (Stream& stream : streams) compact(stream);
  }
  if (wish.compress) compress(root, streams);
  if (wish.scale) CHECK_OK(scale_scene(root, *wish.scale));
  if (streams.empty()) {
    out.glb = join_glb(write_json(root), gltf.bin());
    return out;
  }
  Writer writer(gltf, std::move(root));
  writer.put(streams, wish.compress ? Packing::Meshopt : Packing::Plain);
  TRY(out.glb, writer.finish());
  return out;
}

}  // namespace

Result<Rewritten> rewrite_glb(std::span<const std::uint8_t> glb, const Rewrite& wish) {
  auto out = rewrite(glb, wish);
  if (!out) return unusable_model(std::move(out).error());
  return out;
}

}  // namespace i2m::mesh
