#include "engine/network.h"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <opencv2/dnn.hpp>
#include <string>

#include "engine/onnx.h"

namespace i2m::engine {
namespace {

constexpr std::uintmax_t file_bytes_max = std::uintmax_t{512} << 20U;
constexpr double input_values_max = 3 * 2048.0 * 2048.0;

std::unexpected<Error> unfit(std::string why) { return refuse(Code::Invalid, "", std::move(why)); }

// OpenCV names a layer after its node, or after the value when the node has no name.
std::string layer_of(const cv::dnn::Net& net, const OnnxFace::Output& output) {
  for (const std::string& name :
       {"onnx_node!" + output.node, "onnx_node_output_0!" + output.name, output.node, output.name}) {
    if (!name.empty() && net.getLayerId(name) >= 0) return name;
  }
  return {};
}

std::vector<int> shape_of(const cv::Mat& m) { return {m.size.p, m.size.p + m.dims}; }

cv::dnn::Net parse(const std::vector<std::uint8_t>& onnx) {
  cv::dnn::Net net = cv::dnn::readNetFromONNX(reinterpret_cast<const char*>(onnx.data()), onnx.size());
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
  return net;
}

}  // namespace

struct Network::Inside {
  std::vector<std::uint8_t> onnx;
  std::vector<int> input;
  std::vector<cv::String> layers;  // that make the outputs
  std::vector<std::vector<int>> outputs;
  std::mutex mutex;
  std::vector<cv::dnn::Net> idle;

  cv::dnn::Net borrow() {
    {
      const std::scoped_lock lock(mutex);
      if (!idle.empty()) {
        cv::dnn::Net net = std::move(idle.back());
        idle.pop_back();
        return net;
      }
    }
    return parse(onnx);
  }

  void give_back(cv::dnn::Net net) {
    const std::scoped_lock lock(mutex);
    idle.push_back(std::move(net));
  }

  std::vector<cv::Mat> forward(cv::dnn::Net& net, const cv::Mat& blob) const {
    net.setInput(blob);
    std::vector<cv::Mat> made, out;
    net.forward(made, layers);
    // What the network gives out is its own memory, which the next run overwrites.
    for (const cv::Mat& m : made) out.push_back(m.clone());
    return out;
  }
};

Network::Network(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;
Network::~Network() = default;

Result<Network> Network::of(std::vector<std::uint8_t> onnx) {
  constexpr std::size_t dimensions = 4;
  TRY(const OnnxFace face, read_onnx_face(onnx));
  if (face.input.size() != dimensions || std::ranges::any_of(face.input, [](int n) { return n <= 0; })) {
    return unfit("its input is not of one fixed shape N x C x H x W; export it with static shapes");
  }
  double values = 1;
  for (const int n : face.input) values *= n;
  if (values > input_values_max) return unfit("its input is larger than 3 x 2048 x 2048");
  auto inside = std::make_unique<Inside>();
  inside->onnx = std::move(onnx);
  inside->input = face.input;
  try {
    cv::dnn::Net net = parse(inside->onnx);
    for (const auto& output : face.outputs) {
      const std::string layer = layer_of(net, output);
      if (layer.empty()) return unfit("its output " + output.name + " cannot be reached");
      inside->layers.push_back(layer);
    }
    const cv::Mat empty = cv::Mat::zeros(static_cast<int>(face.input.size()), face.input.data(), CV_32F);
    for (const cv::Mat& out : inside->forward(net, empty)) {
      if (out.depth() != CV_32F) return unfit("its output is not of 32-bit floats");
      inside->outputs.push_back(shape_of(out));
    }
    inside->idle.push_back(std::move(net));
  } catch (const cv::Exception& e) {
    return unfit("OpenCV cannot run it (fp32, opset 11 and static shapes work): " + std::string(e.err));
  }
  return Network(std::move(inside));
}

Result<Network> Network::load(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  std::ifstream in(file, std::ios::binary);
  if (error || !in) return unfit("it cannot be read");
  if (size > file_bytes_max) return unfit("it is larger than " + std::to_string(file_bytes_max >> 20U) + " MiB");
  std::vector<std::uint8_t> bytes(size);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!in) return unfit("it cannot be read");
  return of(std::move(bytes));
}

const std::vector<int>& Network::input_shape() const { return inside_->input; }
const std::vector<std::vector<int>>& Network::output_shapes() const { return inside_->outputs; }

std::vector<cv::Mat> Network::run(const cv::Mat& input) const {
  CV_Assert(input.type() == CV_32F && shape_of(input) == inside_->input);
  cv::dnn::Net net = inside_->borrow();
  // Not given back when it throws: it may be left half done.
  auto out = inside_->forward(net, input);
  inside_->give_back(std::move(net));
  return out;
}

}  // namespace i2m::engine
