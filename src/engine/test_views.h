#pragma once

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "image/decode.h"
#include "image/test_pictures.h"
#include "mesh/render.h"

// Models as they are seen, and what of their textures can be seen. For tests.
namespace i2m::engine {

struct Dressed {
  mesh::Scene scene;
  cv::Mat atlas;  // CV_8UC3 RGB
  Report report;

  /// CV_8UC3 RGB, 384 px square, on `background`.
  cv::Mat seen(float yaw, float pitch = 0, std::array<std::uint8_t, 3> background = {255, 255, 255}) const {
    mesh::Picture picture{atlas.cols, atlas.rows, std::vector<std::uint8_t>(atlas.total() * 4)};
    cv::Mat rgba(atlas.size(), CV_8UC4, picture.rgba.data());
    cv::cvtColor(atlas, rgba, cv::COLOR_RGB2RGBA);
    const mesh::Renderer renderer(scene, std::vector{picture});
    mesh::Picture drawn = renderer.draw(
        {.width = 384, .height = 384, .yaw = yaw, .pitch = pitch, .shadow = false, .background = background});
    cv::Mat out;
    cv::cvtColor(cv::Mat(drawn.height, drawn.width, CV_8UC4, drawn.rgba.data()), out, cv::COLOR_RGBA2RGB);
    return out;
  }

  /// 255 for every texel in a triangle of the model or beside one.
  cv::Mat used() const {
    cv::Mat out = cv::Mat::zeros(atlas.size(), CV_8U);
    for (const mesh::Part& part : scene.parts) {
      for (std::size_t i = 0; i + 2 < part.mesh.indices.size(); i += 3) {
        std::vector<cv::Point> corners;
        for (std::size_t k = i; k < i + 3; ++k) {
          const mesh::Vec2 at = part.texture[part.mesh.indices[k]];
          corners.emplace_back(cvRound(at.x * static_cast<float>(atlas.cols) - 0.5F),
                               cvRound(at.y * static_cast<float>(atlas.rows) - 0.5F));
        }
        cv::fillConvexPoly(out, corners, cv::Scalar(255));
      }
    }
    cv::dilate(out, out, cv::Mat::ones(3, 3, CV_8U));
    return out;
  }
};

inline Dressed dressed(const FileBytes& bytes, const Params& params) {
  const auto model = make_model(bytes, params);
  EXPECT_TRUE(model) << model.error().message << model.error().detail;
  if (!model) return {};
  auto scene = mesh::read_scene(model->glb);
  EXPECT_TRUE(scene);
  const auto& jpeg = scene->images.at(0).bytes;
  const auto picture = image::decode(jpeg, *image::probe(jpeg), 8192);
  EXPECT_TRUE(picture);
  return {*std::move(scene), picture->rgb, model->report};
}

/// A picture of test/data as it is: RGBA.
inline cv::Mat rgba_of(const std::string& name) {
  const FileBytes bytes = picture(name);
  const auto decoded = image::decode(bytes, *image::probe(bytes), 8192);
  cv::Mat out;
  cv::cvtColor(decoded->rgb, out, cv::COLOR_RGB2RGBA);
  cv::insertChannel(decoded->alpha, out, 3);
  return out;
}

}  // namespace i2m::engine
