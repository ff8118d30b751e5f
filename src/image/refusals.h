#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace i2m::image {

// What more than one part of the engine says about a picture. `detail` is for the log.

inline std::unexpected<Error> picture_truncated(std::string detail) {
  auto error = refuse(Code::FileTruncated, "files",
                      "This picture ends before it is complete; the upload or the copy was cut off. "
                      "Send the whole file again.");
  error.error().detail = std::move(detail);
  return error;
}

inline std::unexpected<Error> picture_unreadable(std::string detail) {
  auto error = refuse(Code::PictureUnreadable, "files",
                      "This picture is damaged and cannot be read; open it in an image program and save it again.");
  error.error().detail = std::move(detail);
  return error;
}

inline std::unexpected<Error> picture_too_demanding(std::string detail) {
  auto error = refuse(Code::PictureUnreadable, "files",
                      "This picture takes more time or memory to open than any ordinary picture; open it in an image "
                      "program and save it again, smaller: 2000 pixels a side are plenty.");
  error.error().detail = std::move(detail);
  return error;
}

}  // namespace i2m::image
