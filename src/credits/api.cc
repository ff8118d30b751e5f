#include "base/bounds.h"
#include "credits/credits.h"

namespace i2m::credits {
namespace {

using net::field;

struct BalanceOut {
  Credits balance, held, available;
  static constexpr std::string_view schema_name = "Balance";
  static constexpr auto fields() {
    return std::tuple{field("balance", &BalanceOut::balance, "available + held; falls when a hold is settled"),
                      field("held", &BalanceOut::held, "Set aside for models that are being made"),
                      field("available", &BalanceOut::available, "What can be spent now")};
  }
};

struct PresetOut {
  Quality quality;
  std::int32_t triangles_max;
  Credits credits;
  static constexpr std::string_view schema_name = "Preset";
  static constexpr auto fields() {
    return std::tuple{
        field("quality", &PresetOut::quality, "The name to send with a batch"),
        field("triangles_max", &PresetOut::triangles_max, "What every model of it keeps to, or is not charged"),
        field("credits", &PresetOut::credits, "The price of one model")};
  }
};

struct LimitsOut {
  std::int64_t files_max, file_bytes_max, picture_px_max, picture_side_px_max;
  std::int32_t face_limit_min, face_limit_max;
  std::vector<std::string> media_types;
  static constexpr std::string_view schema_name = "UploadLimits";
  static constexpr auto fields() {
    return std::tuple{field("files_max", &LimitsOut::files_max, "Pictures in one batch"),
                      field("file_bytes_max", &LimitsOut::file_bytes_max, "Bytes of one picture"),
                      field("picture_px_max", &LimitsOut::picture_px_max, "Width times height of one picture"),
                      field("picture_side_px_max", &LimitsOut::picture_side_px_max, "Width or height of one picture"),
                      field("face_limit_min", &LimitsOut::face_limit_min, "Smallest face_limit"),
                      field("face_limit_max", &LimitsOut::face_limit_max, "Largest face_limit"),
                      field("media_types", &LimitsOut::media_types, "What a picture may be, told by its content")};
  }
};

struct PresetsOut {
  std::vector<PresetOut> presets;
  LimitsOut limits;
  static constexpr std::string_view schema_name = "Presets";
  static constexpr auto fields() {
    return std::tuple{field("presets", &PresetsOut::presets, "What can be ordered"),
                      field("limits", &PresetsOut::limits, "What a batch may hold")};
  }
};

Task<BalanceOut> get_balance(net::Ctx& ctx, net::Nothing) {
  CO_TRY(const Balance now, co_await balance(ctx.loop(), ctx.company()));
  co_return BalanceOut{.balance = now.total(), .held = now.held, .available = now.available};
}

Task<PresetsOut> list_presets(net::Ctx&, net::Nothing) {
  PresetsOut out{.presets = {},
                 .limits = {.files_max = bounds::batch_files_max,
                            .file_bytes_max = bounds::file_bytes_max,
                            .picture_px_max = bounds::picture_px_max,
                            .picture_side_px_max = bounds::picture_side_px_max,
                            .face_limit_min = bounds::face_limit_min,
                            .face_limit_max = bounds::face_limit_max,
                            .media_types = {"image/png", "image/jpeg", "image/webp"}}};
  for (const Preset& each : presets) out.presets.push_back({each.quality, each.triangles_max, each.price});
  co_return out;
}

}  // namespace

void routes(net::Router& router) {
  router.add<net::Nothing, BalanceOut>(net::Method::Get, "/api/v1/credits/balance",
                                       {.id = "get_balance",
                                        .summary = "The company's credits",
                                        .tag = "Credits",
                                        .auth = net::Auth::Member,
                                        .rate = net::Rate{.quota = {"balance", 600, std::chrono::seconds{60}}}},
                                       get_balance);
  router.add<net::Nothing, PresetsOut>(
      net::Method::Get, "/api/v1/presets",
      {.id = "list_presets",
       .summary = "Qualities, their prices, and what a batch may hold",
       .tag = "Credits",
       .auth = net::Auth::Public,
       .rate = net::Rate{.quota = {"presets", 600, std::chrono::seconds{60}}, .by = net::RateBy::Client}},
      list_presets);
}

}  // namespace i2m::credits
