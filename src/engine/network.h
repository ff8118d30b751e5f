#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "base/result.h"

namespace i2m::engine {

/// A convolutional network from an ONNX file, run by OpenCV on the calling thread.
///
/// Any number of threads may use one at once: each call borrows a copy that nobody else has in hand, and the first call
/// that finds none makes one. A copy takes the weights' size and what the layers put out.
class Network {
 public:
  /// The file must hold fp32 weights and one input of fixed shape.
  ///
  /// Errors: Code::Invalid, `message` saying what is wrong with the file in a few words to be put behind its name.
  /// Cost:   one parse and one run on an empty picture, to know that it works.
  static Result<Network> of(std::vector<std::uint8_t> onnx);
  static Result<Network> load(const std::filesystem::path& file);

  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;
  ~Network();

  /// N, C, H, W.
  const std::vector<int>& input_shape() const;
  /// Of every output, in the file's order.
  const std::vector<std::vector<int>>& output_shapes() const;

  /// `input` is CV_32F of input_shape(). Answers CV_32F matrices of output_shapes().
  ///
  /// Cost: about 45 GFLOP/s on one core.
  std::vector<cv::Mat> run(const cv::Mat& input) const;

 private:
  struct Inside;
  explicit Network(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace i2m::engine
