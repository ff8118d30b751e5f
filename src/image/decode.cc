#include "image/decode.h"

namespace i2m::image {
namespace {

// The eight ways a camera may have been held; EXIF counts them from 1.
void turn(cv::Mat& image, int orientation) {
  if (orientation >= 5) cv::transpose(image, image);
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(image, image, 1);
      break;
    case 3:
    case 7:
      cv::flip(image, image, -1);
      break;
    case 4:
    case 8:
      cv::flip(image, image, 0);
      break;
    default:
      break;
  }
}

// Colours weighted by their alpha; `rgba` is changed in place.
void weigh(cv::Mat& rgba) {
  for (int y = 0; y < rgba.rows; ++y) {
    auto* row = rgba.ptr<cv::Vec4b>(y);
    for (int x = 0; x < rgba.cols; ++x) {
      const int a = row[x][3];
      for (int c = 0; c < 3 && a != 255; ++c) row[x][c] = static_cast<std::uint8_t>(row[x][c] * a / 255);
    }
  }
}

void unweigh(cv::Mat& rgba) {
  for (int y = 0; y < rgba.rows; ++y) {
    auto* row = rgba.ptr<cv::Vec4b>(y);
    for (int x = 0; x < rgba.cols; ++x) {
      const int a = row[x][3];
      if (a == 255 || a == 0) continue;
      for (int c = 0; c < 3; ++c) row[x][c] = static_cast<std::uint8_t>(std::min(255, row[x][c] * 255 / a));
    }
  }
}

// Scaling straight RGBA would let the hidden colour of transparent pixels bleed in, so it is weighted by alpha.
void scale_down(cv::Mat& pixels, int side_px_max) {
  const int side = std::max(pixels.cols, pixels.rows);
  if (side <= side_px_max) return;
  const double scale = static_cast<double>(side_px_max) / side;
  const cv::Size size{std::max(1, cvRound(pixels.cols * scale)), std::max(1, cvRound(pixels.rows * scale))};
  if (pixels.channels() == 4) weigh(pixels);
  cv::Mat small;
  cv::resize(pixels, small, size, 0, 0, cv::INTER_AREA);
  if (small.channels() == 4) unweigh(small);
  pixels = small;
}

}  // namespace

Picture finish(const cv::Mat& pixels, const Raw& raw, int side_px_max) {
  Picture picture;
  cv::Mat rest = pixels;
  scale_down(rest, side_px_max);
  if (rest.channels() == 4) {
    cv::extractChannel(rest, picture.alpha, 3);
    double least = 255;
    cv::minMaxLoc(picture.alpha, &least);
    if (least == 255) picture.alpha.release();
    cv::cvtColor(rest, picture.rgb, cv::COLOR_RGBA2RGB);
  } else {
    picture.rgb = rest.data == pixels.data ? pixels.clone() : rest;
  }
  turn(picture.rgb, raw.orientation);
  if (!picture.alpha.empty()) turn(picture.alpha, raw.orientation);
  return picture;
}

Result<Picture> decode(Bytes bytes, const PictureInfo& info, int side_px_max) {
  cv::Mat pixels;
  const auto place = [&pixels](RawSize size, int channels) {
    pixels.create(size.height, size.width, CV_8UC(channels));
    return pixels.data;
  };
  TRY(const Raw raw, decode_raw(bytes, info, side_px_max, place));
  return finish(pixels, raw, side_px_max);
}

}  // namespace i2m::image
