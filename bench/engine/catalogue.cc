#include "catalogue.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

namespace i2m::bench {
namespace {

constexpr const char* catalogue_name = "PluginFurnitureCatalog.properties";

std::vector<Entry> read_catalogue(const std::filesystem::path& folder) {
  std::map<int, Entry> entries;
  std::ifstream in(folder / catalogue_name);
  for (std::string line; std::getline(in, line);) {
    while (!line.empty() && line.back() == '\r') line.pop_back();
    const auto mark = line.find('#'), equals = line.find('=');
    if (mark == 0 || mark == std::string::npos || equals == std::string::npos || mark > equals) continue;
    Entry& entry = entries[std::stoi(line.substr(mark + 1))];
    const std::string key = line.substr(0, mark), value = line.substr(equals + 1);
    if (key == "id") entry.id = value.substr(value.rfind('#') + 1);
    if (key == "model") entry.model = folder / value.substr(value.find_first_not_of('/'));
    if (key == "modelRotation") {
      std::istringstream numbers(value);
      for (float& number : entry.rotation.val) numbers >> number;
    }
  }
  std::vector<Entry> out;
  for (auto& [number, entry] : entries) {
    entry.library = folder.filename();
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

std::vector<Entry> read_catalogues(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> folders;
  for (const auto& each : std::filesystem::directory_iterator(folder)) {
    if (std::filesystem::exists(each.path() / catalogue_name)) folders.push_back(each.path());
  }
  std::ranges::sort(folders);
  std::vector<Entry> out;
  for (const auto& each : folders) std::ranges::move(read_catalogue(each), std::back_inserter(out));
  return out;
}

Result<std::vector<Entry>> entries_in(const std::filesystem::path& list, const std::vector<Entry>& catalogue) {
  std::ifstream in(list);
  if (!in) return fail(Code::NotFound, "no list " + list.string());
  std::vector<Entry> out;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string name;
    if (!(words >> name)) continue;
    const auto found = std::ranges::find_if(catalogue, [&](const Entry& entry) { return entry.name() == name; });
    if (found == catalogue.end()) return fail(Code::NotFound, "no catalogue has " + name);
    out.push_back(*found);
  }
  return out;
}

}  // namespace i2m::bench
