#include "sandbox/fal_settings.h"

namespace i2m::sandbox::fal {

boost::json::object json_of(const Settings& settings) {
  boost::json::object out;
  for (const SettingName& each : setting_names) out[each.name] = settings.*each.value;
  return out;
}

Result<> change(Settings& settings, const boost::json::object& changes) {
  Settings changed = settings;
  for (const auto& [name, value] : changes) {
    const auto known = std::ranges::find(setting_names, std::string_view{name}, &SettingName::name);
    if (known == setting_names.end()) return refuse(Code::Invalid, name, "There is no such setting.");
    if (!value.is_int64() || value.as_int64() < known->least) {
      return refuse(Code::Invalid, name, fmt::format("It must be a whole number, {} or more.", known->least));
    }
    changed.*known->value = value.as_int64();
  }
  settings = changed;
  return {};
}

}  // namespace i2m::sandbox::fal
