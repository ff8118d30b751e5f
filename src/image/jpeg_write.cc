#include "image/jpeg_write.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>

// jpeglib.h needs size_t and FILE declared before it.
#include <jpeglib.h>

namespace i2m::image {
namespace {

struct Failure {
  jpeg_error_mgr base;
  std::jmp_buf back;
};

extern "C" {
[[noreturn]] void write_failed(j_common_ptr jpeg) { std::longjmp(reinterpret_cast<Failure*>(jpeg->err)->back, 1); }
}

struct Job {
  jpeg_compress_struct jpeg{};
  Failure failure{};
  unsigned char* data = nullptr;
  unsigned long size = 0;
  ~Job() {
    jpeg_destroy_compress(&jpeg);
    std::free(data);  // libjpeg's memory destination allocates with malloc
  }
};

// The jump from `write_failed` lands here; this frame owns nothing with a destructor.
bool write_rows(Job& job, const cv::Mat& rgb, int quality) {
  auto& jpeg = job.jpeg;
  if (setjmp(job.failure.back) != 0) return false;
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &job.data, &job.size);
  jpeg.image_width = static_cast<JDIMENSION>(rgb.cols);
  jpeg.image_height = static_cast<JDIMENSION>(rgb.rows);
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    // libjpeg takes rows as writable and does not write to them.
    JSAMPROW rows[] = {const_cast<JSAMPROW>(rgb.ptr(static_cast<int>(jpeg.next_scanline)))};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  return true;
}

}  // namespace

Result<std::vector<std::uint8_t>> write_jpeg(const cv::Mat& rgb, int quality) {
  Job job;
  job.jpeg.err = jpeg_std_error(&job.failure.base);
  job.failure.base.error_exit = write_failed;
  if (!write_rows(job, rgb, quality)) return fail(Code::Internal, "libjpeg could not write");
  return std::vector<std::uint8_t>(job.data, job.data + job.size);
}

}  // namespace i2m::image
