#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "mesh/mesh.h"

// Holds models against what is known about their pictures. For tests and benchmarks; the engine does not use it.
namespace i2m::engine {

std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path);

/// The surface in a GLB that the engine has made, corners of front and back joined again where they coincide.
mesh::Mesh read_surface(std::span<const std::uint8_t> glb);

/// The surface as the camera saw it: the report's pitch and roll undone. x right, y up, z to the viewer.
mesh::Mesh seen_by_camera(const mesh::Mesh& upright, const Report& report);

/// Points of a truth cloud (little-endian float triples).
std::vector<mesh::Vec3> read_cloud(const std::filesystem::path& path);

/// Points spread evenly over a surface, the same ones every time.
std::vector<mesh::Vec3> spread_points(const mesh::Mesh& mesh, std::size_t count);

struct Score {
  double distance = 0;  // mean nearest distance, both ways summed; the truth's longest side is 2
  double f = 0;         // harmonic mean of the shares of points within 0.1 of the other cloud
  double f02 = 0;       // the same within 0.2
  double f05 = 0;       // the same within 0.5
};

/// p becomes scale * rotation * p + shift.
struct Similarity {
  double scale = 1;
  cv::Matx33d rotation = cv::Matx33d::eye();
  cv::Vec3d shift;

  mesh::Vec3 operator()(mesh::Vec3 p) const;
};

/// How one cloud was laid on another.
struct Fit {
  Score raw;              // placed by the picture's bounding box and the middle of the depths
  Score aligned;          // after similarity ICP, unless that made it worse
  Similarity similarity;  // what `aligned` was measured with
};

/// Cost:   0.3 s at 10 000 points each.
/// Source: engine.md 4; Besl & McKay 1992, both clouds' nearest points as pairs; Umeyama, PAMI 1991.
Fit fit(const std::vector<mesh::Vec3>& made, const std::vector<mesh::Vec3>& truth);

/// The two as they lie.
Score distance_between(const std::vector<mesh::Vec3>& made, const std::vector<mesh::Vec3>& truth);

/// The aligned score alone.
Score compare(const std::vector<mesh::Vec3>& made, const std::vector<mesh::Vec3>& truth);

/// How much the outline of `surface`, seen along z, agrees with `mask` (0 or 255) where it is laid on it best: moved
/// and scaled, one scale for both directions, from the box and from the area and centre. Intersection over union.
///
/// `nearness` is the report's: what is nearer to the camera is seen larger.
/// Cost:   0.2 s for 5000 triangles at 768 px.
double outline_agreement(const mesh::Mesh& surface, const cv::Mat& mask, float nearness = 0);

}  // namespace i2m::engine
