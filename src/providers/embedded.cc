#include "providers/embedded.h"

#include "base/crypto.h"
#include "base/offload.h"
#include "engine/engine.h"
#include "engine/network.h"
#include "image/decode.h"

namespace i2m::providers {
namespace {

Result<engine::Model> make_model(const image::Decoder& decoder, image::Bytes bytes, const engine::Params& params,
                                 const engine::Progress& report) {
  if (!report(engine::Stage::Decode, 0)) return fail(Code::Cancelled, "cancelled by the worker");
  TRY(const image::PictureInfo info, image::probe(bytes));
  TRY(const image::Picture picture, decoder.decode(bytes, info, engine::decode_side_px(params)));
  return engine::make_model(picture, info, params, report);
}

}  // namespace

Embedded::Embedded(int threads, image::Decoder decoder, std::unique_ptr<const engine::Network> matting)
    : threads_{threads},
      decoder_{std::move(decoder)},
      matting_{std::move(matting)},
      pool_{static_cast<std::size_t>(threads)} {}

Embedded::~Embedded() { pool_.join(); }

Task<Made> Embedded::make(Order& order, Progress& progress) {
  engine::Params params;
  params.triangles_max = order.triangles_max;
  params.matting = matting_.get();
  params.picture_sha256 = hex(sha256(as_text(order.picture)));
  // A mesh this coarse shows no more than half the texture can hold.
  if (order.triangles_max <= 1000) params.texture_px /= 2;
  const engine::Progress report = [&progress](engine::Stage stage, float fraction) {
    progress.stage = engine::name_of(stage).data();  // views of literals
    progress.fraction = fraction;
    return !progress.cancelled && !progress.unwanted;
  };
  const auto work = [&] { return make_model(decoder_, order.picture, params, report); };
  Result<engine::Model> model = co_await offload(pool_, work);
  if (!model) co_return std::unexpected{std::move(model).error()};
  co_return Made{std::move(model->glb)};
}

}  // namespace i2m::providers
