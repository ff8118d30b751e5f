#include "engine/network.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "engine/test_networks.h"

namespace i2m::engine {
namespace {

Network network_of(std::vector<std::uint8_t> onnx) {
  auto network = Network::of(std::move(onnx));
  EXPECT_TRUE(network) << network.error().message;
  return *std::move(network);
}

std::string refusal(std::vector<std::uint8_t> onnx) {
  const auto network = Network::of(std::move(onnx));
  EXPECT_FALSE(network);
  if (network) return {};
  EXPECT_EQ(network.error().code, Code::Invalid);
  return network.error().message;
}

cv::Mat filled(const Network& network, float value) {
  return {4, network.input_shape().data(), CV_32F, cv::Scalar(static_cast<double>(value))};
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

TEST(Network, SaysItsShapesAndComputes) {
  const Network network = network_of(bright_network(16, 2, -1));
  EXPECT_EQ(network.input_shape(), (std::vector<int>{1, 3, 16, 16}));
  EXPECT_EQ(network.output_shapes(), (std::vector<std::vector<int>>{{1, 1, 16, 16}}));
  const auto out = network.run(filled(network, 0.25F));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_NEAR(*out[0].ptr<float>(0, 0, 7), sigmoid(2 * 0.75F - 1), 1e-6F);
}

TEST(Network, GivesItsOutputsInTheFilesOrder) {
  const Network network = network_of(bright_network(8, 1, 0, Outputs::LogitFirst));
  const auto out = network.run(filled(network, 1));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_NEAR(*out[0].ptr<float>(0, 0, 0), 3, 1e-6F);
  EXPECT_NEAR(*out[1].ptr<float>(0, 0, 0), sigmoid(3), 1e-6F);
}

TEST(Network, KeepsWhatItGaveWhenItRunsAgain) {
  const Network network = network_of(bright_network(8, 1, 0));
  const auto first = network.run(filled(network, 1));
  network.run(filled(network, -1));
  EXPECT_NEAR(*first[0].ptr<float>(0, 0, 0), sigmoid(3), 1e-6F);
}

TEST(Network, ServesManyThreadsAtOnce) {
  const Network network = network_of(bright_network(32, 1, 0));
  std::vector<std::jthread> threads;
  std::array<int, 4> wrong{};
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      const auto value = static_cast<float>(t);
      for (int round = 0; round < 50; ++round) {
        const auto out = network.run(filled(network, value));
        if (std::abs(*out[0].ptr<float>(0, 0, 5) - sigmoid(3 * value)) > 1e-6F) ++wrong[t];
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, (std::array<int, 4>{}));
}

TEST(Network, RefusesWhatIsNoModel) {
  EXPECT_NE(refusal({}).find("not an ONNX model"), std::string::npos);
  EXPECT_NE(refusal({'P', 'K', 3, 4, 20, 0}).find("not an ONNX model"), std::string::npos);
  EXPECT_FALSE(Network::load("/nowhere/at/all.onnx"));
  EXPECT_EQ(Network::load("/").error().message, "it cannot be read");
}

TEST(Network, RefusesInputsItCannotFeed) {
  OnnxMessage graph;
  graph.message(1, onnx_node("Add", {"a", "b"}, "sum"))
      .message(11, onnx_value("a", {1, 3, 8, 8}))
      .message(11, onnx_value("b", {1, 3, 8, 8}))
      .message(12, onnx_value("sum", {1, 3, 8, 8}));
  EXPECT_EQ(refusal(onnx_model(graph)), "it has 2 inputs instead of one");
  OnnxMessage open;
  open.message(1, onnx_node("Sigmoid", {"a"}, "b"))
      .message(11, onnx_value("a", {1, 3, 0, 0}))
      .message(12, onnx_value("b", {1, 3, 0, 0}));
  EXPECT_NE(refusal(onnx_model(open)).find("static shapes"), std::string::npos);
}

TEST(Network, RefusesLayersThatOpenCvDoesNotKnow) {
  OnnxMessage graph;
  graph.message(1, onnx_node("NoSuchLayer", {"a"}, "b"))
      .message(11, onnx_value("a", {1, 3, 8, 8}))
      .message(12, onnx_value("b", {1, 3, 8, 8}));
  EXPECT_NE(refusal(onnx_model(graph)).find("OpenCV cannot run it"), std::string::npos);
}

TEST(Network, SurvivesFilesCutShortOrAltered) {
  const std::vector<std::uint8_t> whole = bright_network(8, 1, 0);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto cut = Network::of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    if (cut) cut->run(filled(*cut, 0));
  }
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    auto altered = whole;
    altered[random() % altered.size()] = static_cast<std::uint8_t>(random());
    auto network = Network::of(std::move(altered));
    if (network) network->run(filled(*network, 0));
  }
}

}  // namespace
}  // namespace i2m::engine
