#pragma once

#include <string>

#include "engine/network.h"

namespace i2m::engine {

/// How a network that tells object from background wants its picture, and what it answers.
struct MattingFace {
  cv::Vec3f mean, spread;  // (RGB / 255 - mean) / spread
};

/// U2-Net's way, as ImageNet's: what most published networks of this kind were trained with.
inline const MattingFace usual_matting{{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};

/// Whether the network can serve: 1 x 3 x H x W in, 1 x 1 x H x W as its first output, any H and W of at least 32.
///
/// Errors: Code::Invalid, `message` saying what is wrong.
Result<> check_matting(const Network& network);

/// The operator's own network, from the file that `setting` names.
///
/// Errors: Code::Invalid blaming `setting`, saying what is wrong with the file and what would do.
/// Cost:   one parse and one run.
Result<std::unique_ptr<const Network>> load_matting(const std::string& file, const std::string& setting);

/// How likely each pixel of `rgb` (CV_8UC3) belongs to the object: CV_32F, 0 to 1, as large as `rgb`.
///
/// The picture is put whole into the network's, keeping its proportions, on grey. An answer with values beyond 0 to 1
/// is taken for logits. Cost: the network's run.
cv::Mat foreground_of(const Network& network, const MattingFace& face, const cv::Mat& rgb);

}  // namespace i2m::engine
