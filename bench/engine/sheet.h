#pragma once

#include "masks.h"
#include "shape.h"

// Contact sheets, for people to look at: figures alone do not show an ugly back.
namespace i2m::bench {

/// A row each: the picture, the model from four sides, the truth from three. 8 rows a file: `folder`/NAME-01.png ...
void write_shape_sheets(const std::vector<Row>& rows, const Run& run, const std::string& name);

/// A row a cut-out: for each backdrop the picture and what was found in it, with the agreement. 10 rows a file.
void write_mask_sheets(const std::vector<MaskRow>& rows, const std::filesystem::path& folder, const std::string& name);

}  // namespace i2m::bench
