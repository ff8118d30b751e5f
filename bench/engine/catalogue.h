#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "object.h"

namespace i2m::bench {

/// One piece of furniture.
struct Entry {
  std::string library;  // "Scopia": the folder its catalogue lies in
  std::string id;       // "teapot": what follows the maker's name in the catalogue
  std::filesystem::path model;
  Rotation rotation = Rotation::eye();

  std::string name() const { return library + "/" + id; }
};

/// Every entry of the catalogues in the folders under `folder`, in their order.
///
/// Source: PluginFurnitureCatalog.properties of Sweet Home 3D's .sh3f files.
std::vector<Entry> read_catalogues(const std::filesystem::path& folder);

/// The entries that a list names: lines of "library/id", `#` begins a remark.
///
/// Errors: Code::NotFound for a missing list and for a name that no catalogue has.
Result<std::vector<Entry>> entries_in(const std::filesystem::path& list, const std::vector<Entry>& catalogue);

}  // namespace i2m::bench
