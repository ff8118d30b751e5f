#include <gtest/gtest.h>

#include <fstream>

#include "engine/engine.h"
#include "mesh/glb.h"
#include "sandbox/fal_faults.h"
#include "sandbox/fal_gateway.h"
#include "sandbox/fal_keys.h"
#include "sandbox/fal_schema.h"
#include "sandbox/fal_shapes.h"

namespace i2m::sandbox::fal {
namespace {

std::string file_at(const std::string& name) {
  std::ifstream in{std::string{I2M_PICTURES} + "/" + name, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

Result<mesh::GlbSummary> inspected(const std::string& glb) {
  return mesh::inspect_glb(std::span{reinterpret_cast<const std::uint8_t*>(glb.data()), glb.size()});
}

std::string some_glb() {
  const std::string picture = file_at("cc0-teddy-B-alpha.png");
  const std::span bytes{reinterpret_cast<const std::uint8_t*>(picture.data()), picture.size()};
  const Result<engine::Model> model = engine::make_model(bytes, engine::params_of(engine::Quality::Low));
  if (!model) return {};
  return {reinterpret_cast<const char*>(model->glb.data()), model->glb.size()};
}

// The reference's vector: RFC 8032's first test key, signed with another implementation.
TEST(Webhooks, SignTheReferencesVector) {
  const auto key = SigningKey::of_seed("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->x(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  const std::string body =
      R"({"request_id":"019e0000-0000-7000-8000-000000000001","gateway_request_id":"019e0000-0000-7000-8000-000000000001",)"
      R"("status":"OK","payload":{"seed":1}})";
  ASSERT_EQ(body.size(), 148U);
  EXPECT_EQ(key->sign({"019e0000-0000-7000-8000-000000000001", "github|1234", "1780000000", body}),
            "cad6152aba0d10a00a54bf3ccc3e01d20fe14d3f02de0702da482c5fedd17a62c2b779c897e57d955349da702634760dfe0c709cd2"
            "4151cf182434fd033d080e");
}

TEST(Webhooks, RefuseASeedThatIsNone) {
  EXPECT_FALSE(SigningKey::of_seed("9d61"));
  EXPECT_FALSE(SigningKey::of_seed(std::string(64, 'g')));
}

TEST(Shapes, StayValidWithoutTheirPictureAndAtSixtyFourMegabytes) {
  const std::string glb = some_glb();
  const auto whole = inspected(glb);
  ASSERT_TRUE(whole);
  const auto plain = inspected(untextured(glb));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->triangles, whole->triangles);
  EXPECT_EQ(plain->images, 0U);
  const std::string huge = padded_to(glb, std::size_t{64} << 20);
  EXPECT_GT(huge.size(), std::size_t{63} << 20);
  EXPECT_LE(huge.size(), std::size_t{64} << 20);
  ASSERT_TRUE(inspected(huge));
  EXPECT_EQ(inspected(huge)->triangles, whole->triangles);
}

TEST(Shapes, AreReadAsTheyWereWritten) {
  const std::string glb = some_glb();
  const Shape shape = shape_of(glb);
  EXPECT_EQ(shape.indices.size() / 3, inspected(glb)->triangles);
  EXPECT_EQ(shape.positions.size(), inspected(glb)->vertices);
  EXPECT_LT(*std::ranges::max_element(shape.indices), shape.positions.size());
}

TEST(Endpoints, HaveAnAppAPriceAndAnOutputEach) {
  ASSERT_GE(endpoints().size(), 20U);
  for (const Endpoint& each : endpoints()) {
    EXPECT_GT(each.unit_usd(), 0) << each.id();
    EXPECT_TRUE(each.id().starts_with(each.app() + "/") || each.id() == each.app()) << each.id();
    EXPECT_FALSE(each.output({}).as_object().empty()) << each.id();
    EXPECT_FALSE(each.wrong_with(boost::json::object{}).empty() &&
                 each.spec().find("needs_one_of") == each.spec().end())
        << each.id();
  }
}

TEST(Endpoints, PriceWhatTheListSays) {
  const auto price = [](std::string_view id, const char* input) {
    return find_endpoint(id)->price_usd(boost::json::parse(input).as_object());
  };
  EXPECT_DOUBLE_EQ(price("tripo3d/tripo/v2.5/image-to-3d", R"({"texture":"HD","quad":true})"), 0.45);
  EXPECT_DOUBLE_EQ(price("fal-ai/trellis-2", R"({"resolution":1536})"), 0.35);
  EXPECT_DOUBLE_EQ(price("fal-ai/hunyuan-3d/v3.1/pro/image-to-3d", R"({"enable_pbr":true,"back_image_url":"x"})"),
                   0.675);
  EXPECT_DOUBLE_EQ(price("fal-ai/hunyuan3d/v2/turbo", R"({"textured_mesh":true})"), 0.48);
  EXPECT_DOUBLE_EQ(price("tripo3d/p2/image-to-3d", R"({"texture_quality":"extreme"})"), 1.3);
}

TEST(Endpoints, ReadTheFaceLimitWhereverItStands) {
  const auto faces = [](std::string_view id, const char* input) {
    return find_endpoint(id)->face_limit(boost::json::parse(input).as_object());
  };
  EXPECT_EQ(faces("tripo3d/tripo/v2.5/image-to-3d", R"({"face_limit":1000})"), 1000);
  EXPECT_EQ(faces("tripo3d/tripo/v2.5/image-to-3d", R"({"face_limit":null})"), std::nullopt);
  EXPECT_EQ(faces("fal-ai/hyper3d/rodin/v2", R"({"quality_mesh_option":"2K Triangle"})"), 2000);
  EXPECT_EQ(faces("fal-ai/meshy/v6/image-to-3d", "{}"), 30'000);
  EXPECT_EQ(faces("fal-ai/trellis", "{}"), std::nullopt);
}

TEST(Faults, HaveAMagicSeedThatRodinTakesToo) {
  EXPECT_LE(magic_seed_first + static_cast<std::int64_t>(spelled_faults().size()), 65'536);
  for (const std::string& each : spelled_faults()) {
    ASSERT_TRUE(Planned::parse(each)) << each;
    EXPECT_EQ(Planned::parse(each)->text(), each);
  }
}

TEST(Apps, AreTheFirstTwoSegmentsBehindANamespace) {
  EXPECT_EQ(app_of("tripo3d/tripo/v2.5/image-to-3d"), "tripo3d/tripo");
  EXPECT_EQ(app_of("fal-ai/trellis"), "fal-ai/trellis");
  EXPECT_EQ(app_of("workflows/me/mine/now"), "workflows/me/mine");
}

}  // namespace
}  // namespace i2m::sandbox::fal
