#pragma once

#include <string>

#include "masks.h"
#include "shape.h"

namespace i2m::bench {

/// One figure that was promised.
struct Verdict {
  std::string figure;
  double measured = 0, must = 0, aim = 0;
  bool less_is_better = true;

  bool reaches(double bar) const { return less_is_better ? measured <= bar : measured >= bar; }
};

/// The figures of issue "embedded engine" from all that a report run has measured; those whose rows are missing are
/// left out.
std::vector<Verdict> verdicts_of(const std::vector<Row>& shapes, const std::vector<MaskRow>& masks);

/// One line each, for people: reached, MISSED, or reached and the aim too.
std::string verdict_table_of(const std::vector<Verdict>& verdicts);

/// Everything for programs: {"musts":[...],"shapes":[...],"masks":[...]}.
std::string json_of(const std::vector<Verdict>& verdicts, const std::vector<Row>& shapes,
                    const std::vector<MaskRow>& masks);

}  // namespace i2m::bench
