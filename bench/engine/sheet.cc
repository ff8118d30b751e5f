#include "sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "files.h"
#include "workers.h"

namespace i2m::bench {
namespace {

constexpr int cell_px = 192, label_px = 16;
constexpr int shape_rows = 8, mask_rows = 10;
const cv::Scalar paper(236, 237, 242);
constexpr std::array<View, 4> model_views{{{0, 10}, {60, 15}, {120, 15}, {180, 10}}};

/// CV_8UC4 on the sheet's paper.
cv::Mat on_paper(const cv::Mat& rgba) {
  std::vector<cv::Mat> planes;
  cv::split(rgba, planes);
  cv::Mat rgb, share;
  cv::merge(std::vector<cv::Mat>{planes[0], planes[1], planes[2]}, rgb);
  cv::cvtColor(planes[3], share, cv::COLOR_GRAY2RGB);
  cv::Mat back(rgb.size(), CV_8UC3, paper), rest = cv::Scalar::all(255) - share, front;
  cv::multiply(rgb, share, front, 1.0 / 255);
  cv::multiply(back, rest, back, 1.0 / 255);
  return front + back;
}

void write_on_cell(cv::Mat& cell, const std::string& text) {
  constexpr double size = 0.4;
  const cv::Point at(4, 12);
  cv::putText(cell, text, at, cv::FONT_HERSHEY_SIMPLEX, size, cv::Scalar::all(255), 3, cv::LINE_AA);
  cv::putText(cell, text, at, cv::FONT_HERSHEY_SIMPLEX, size, cv::Scalar(170, 20, 20), 1, cv::LINE_AA);
}

cv::Mat sized(const cv::Mat& picture, int side) {
  cv::Mat out;
  cv::resize(picture, out, {side, side}, 0, 0, cv::INTER_AREA);
  return out;
}

cv::Mat sheet_row(const Row& row, const Run& run) {
  const auto entry = std::ranges::find(run.entries, row.object, &Entry::id);
  const auto truth = case_of(*entry, row.view, run.work / "cache");
  if (!truth) give_up(truth.error().detail);
  cv::Mat input = on_paper(sized(truth->rgba, cell_px));
  if (row.backdrop != Backdrop::Alpha) {
    input = sized(put_on(truth->rgba, row.backdrop, run.photos, fmt::format("{}-{}", row.name, name_of(row.backdrop))),
                  cell_px);
  }
  std::vector<cv::Mat> cells{input};
  for (const View view : model_views) {
    cv::Mat cell(cell_px, cell_px, CV_8UC3, paper);
    if (row.made.refusal.empty()) {
      auto model = object_of(engine::read_bytes(row.made.glb));
      if (!model) give_up(row.name + ": " + model.error().detail);
      normalise(*model);
      cell = on_paper(picture_of(*model, view, cell_px));
    }
    cells.push_back(cell);
  }
  cells.push_back(on_paper(truth->sides));
  cv::Mat out;
  cv::hconcat(cells, out);
  cv::copyMakeBorder(out, out, label_px, 0, 0, 0, cv::BORDER_CONSTANT, paper);
  write_on_cell(out, fmt::format("{}  {}  {} triangles  CD {:.3f}  F@.1 {:.3f}  outline {:.3f}", row.name,
                                 row.made.refusal.empty() ? engine::name_of(row.made.report.shape) : row.made.refusal,
                                 row.made.report.triangles, row.fit.aligned.distance, row.fit.aligned.f, row.outline));
  return out;
}

void write_sheets(const std::vector<cv::Mat>& rows, int rows_a_sheet, const std::filesystem::path& folder,
                  const std::string& name) {
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0, sheet = 1; i < rows.size(); i += static_cast<std::size_t>(rows_a_sheet), ++sheet) {
    const auto end = std::min(rows.size(), i + static_cast<std::size_t>(rows_a_sheet));
    cv::Mat out;
    cv::vconcat(rows.data() + i, end - i, out);
    write_png(folder / fmt::format("{}-{:02}.png", name, sheet), out);
  }
}

}  // namespace

void write_shape_sheets(const std::vector<Row>& rows, const Run& run, const std::string& name) {
  std::vector<cv::Mat> drawn(rows.size());
  on_threads(run.threads, rows.size(), [&](std::size_t i) {
    drawn[i] = sheet_row(rows[i], run);
    return "sheet of " + rows[i].name;
  });
  write_sheets(drawn, shape_rows, run.work / "sheets", name);
}

void write_mask_sheets(const std::vector<MaskRow>& rows, const std::filesystem::path& folder, const std::string& name) {
  std::vector<cv::Mat> drawn;
  std::vector<cv::Mat> cells;
  for (const MaskRow& row : rows) {
    cells.push_back(row.picture.clone());
    if (cells.size() == 1) write_on_cell(cells.back(), row.name);
    cells.push_back(row.found.clone());
    write_on_cell(cells.back(), fmt::format("{:.3f}", row.agreement));
    const bool last = &row == &rows.back() || (&row)[1].name != row.name;
    if (!last) continue;
    cv::Mat line;
    cv::hconcat(cells, line);
    drawn.push_back(line);
    cells.clear();
  }
  write_sheets(drawn, mask_rows, folder, name);
}

}  // namespace i2m::bench
