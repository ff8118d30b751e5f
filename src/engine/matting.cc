#include "engine/matting.h"

#include <opencv2/imgproc.hpp>

namespace i2m::engine {
namespace {

constexpr int side_min = 32;

std::string text_of(const std::vector<int>& shape) {
  std::string out;
  for (const int n : shape) out += (out.empty() ? "" : " x ") + std::to_string(n);
  return out;
}

// Where the whole picture lies in the network's, in the middle of bars.
cv::Rect fitted(cv::Size picture, cv::Size frame) {
  const double scale =
      std::min(static_cast<double>(frame.width) / picture.width, static_cast<double>(frame.height) / picture.height);
  const cv::Size size{std::clamp(cvRound(picture.width * scale), 1, frame.width),
                      std::clamp(cvRound(picture.height * scale), 1, frame.height)};
  return {(frame.width - size.width) / 2, (frame.height - size.height) / 2, size.width, size.height};
}

}  // namespace

Result<> check_matting(const Network& network) {
  const auto& in = network.input_shape();
  const auto& out = network.output_shapes().front();
  if (in[0] != 1 || in[1] != 3 || in[2] < side_min || in[3] < side_min) {
    return refuse(Code::Invalid, "", "its input is " + text_of(in) + " instead of 1 x 3 x H x W");
  }
  if (out.size() != in.size() || out[0] != 1 || out[1] != 1 || out[2] < side_min || out[3] < side_min) {
    return refuse(Code::Invalid, "", "its first output is " + text_of(out) + " instead of 1 x 1 x H x W");
  }
  return {};
}

Result<std::unique_ptr<const Network>> load_matting(const std::string& file, const std::string& setting) {
  const auto refusal = [&](const Error& why) {
    return refuse(Code::Invalid, setting,
                  file + " cannot tell objects from backgrounds: " + why.message +
                      ". Give an fp32 ONNX file with static shapes, 1 x 3 x H x W in and 1 x 1 x H x W out.");
  };
  auto network = Network::load(file);
  if (!network) return refusal(network.error());
  if (const auto fit = check_matting(*network); !fit) return refusal(fit.error());
  return std::make_unique<const Network>(*std::move(network));
}

cv::Mat foreground_of(const Network& network, const MattingFace& face, const cv::Mat& rgb) {
  constexpr double grey = 127, white = 255;
  const auto& in = network.input_shape();
  const cv::Size frame{in[3], in[2]};
  const cv::Rect place = fitted(rgb.size(), frame);
  cv::Mat fitting(frame, CV_8UC3, cv::Scalar::all(grey));
  cv::resize(rgb, fitting(place), place.size(), 0, 0, cv::INTER_AREA);
  cv::Mat blob(4, in.data(), CV_32F);
  std::vector<cv::Mat> planes;
  cv::split(fitting, planes);
  for (int c = 0; c < 3; ++c) {
    const double spread = static_cast<double>(face.spread[c]);
    cv::Mat plane(frame, CV_32F, blob.ptr<float>(0, c));
    planes[static_cast<std::size_t>(c)].convertTo(plane, CV_32F, 1 / (white * spread),
                                                  -static_cast<double>(face.mean[c]) / spread);
  }
  const std::vector<cv::Mat> made = network.run(blob);
  const cv::Mat& answer = made.front();
  cv::Mat likely(answer.size[2], answer.size[3], CV_32F, const_cast<float*>(answer.ptr<float>()));
  double least = 0, most = 0;
  cv::minMaxLoc(likely, &least, &most);
  constexpr double rounding = 0.01;
  if (least < -rounding || most > 1 + rounding) {
    cv::exp(-likely, likely);
    likely = 1 / (1 + likely);
  }
  const double across = static_cast<double>(likely.cols) / frame.width,
               down = static_cast<double>(likely.rows) / frame.height;
  const cv::Rect part =
      cv::Rect{cvFloor(place.x * across), cvFloor(place.y * down), std::max(1, cvRound(place.width * across)),
               std::max(1, cvRound(place.height * down))} &
      cv::Rect{0, 0, likely.cols, likely.rows};
  cv::Mat out;
  cv::resize(likely(part), out, rgb.size(), 0, 0, cv::INTER_LINEAR);
  return cv::max(cv::min(out, 1.0), 0.0);
}

}  // namespace i2m::engine
