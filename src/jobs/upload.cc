// POST /api/v1/upload/batch: pictures in, a job and its holds out, in one transaction.
#include "base/bounds.h"
#include "base/log.h"
#include "image/probe.h"
#include "jobs/batch.h"
#include "jobs/jobs.h"
#include "jobs/queries.gen.h"
#include "net/problem.h"

namespace i2m::jobs {
namespace {

// --- What comes in

struct Picture {
  std::string file_name;
  storage::Incoming file;
  image::PictureInfo info;
  Sha256 sha256{};
  ItemId item = ItemId::make();
  std::string object_key;
};
struct Form {
  std::vector<Picture> pictures;
  std::vector<RejectedOut> rejected;
  std::optional<credits::Quality> quality;
  std::optional<int> face_limit;
  std::string model;
  std::string parameters;
  std::size_t files() const { return pictures.size() + rejected.size(); }
};

Task<std::string> read_value(net::Multipart& parts, std::string_view name) {
  std::string out;
  while (true) {
    CO_TRY(const std::span<const char> bytes, co_await parts.read());
    if (bytes.empty()) co_return out;
    if (out.size() + bytes.size() > bounds::form_field_bytes_max) {
      co_return refuse(Code::Invalid, std::string{name}, fmt::format("{} is too long.", name));
    }
    out.append(bytes.data(), bytes.size());
  }
}

Result<> take_quality(Form& form, std::string_view text) {
  credits::Quality quality{};
  if (!net::read_text(quality, text, "quality")) {
    return refuse(Code::PresetUnknown, "quality",
                  fmt::format("quality must be one of: {}.", net::choices<credits::Quality>()));
  }
  form.quality = quality;
  return {};
}

Result<> take_face_limit(Form& form, std::string_view text) {
  std::int32_t n = 0;
  if (!net::read_text(n, text, "face_limit") || n < bounds::face_limit_min || n > bounds::face_limit_max) {
    return refuse(Code::FaceLimitInvalid, "face_limit",
                  fmt::format("face_limit must be a whole number from {} to {}.", bounds::face_limit_min,
                              bounds::face_limit_max));
  }
  form.face_limit = n;
  return {};
}

/// One file: written as it comes, hashed on the way, then looked at. What is wrong with a file rejects that file; an
/// error of this function is one of the request or the disk.
Task<> take_file(Jobs& jobs, net::Multipart& parts, std::string file_name, Form& form) {
  CO_TRY(storage::Incoming file, co_await jobs.store.receive());
  bool too_large = false;
  while (true) {
    CO_TRY(const std::span<const char> bytes, co_await parts.read());
    if (bytes.empty()) break;
    too_large = too_large || file.size() + bytes.size() > bounds::file_bytes_max;
    if (!too_large) CO_CHECK(co_await file.write(bytes));
  }
  const auto look = [](std::span<const std::uint8_t> bytes) { return image::probe(bytes); };
  Result<image::PictureInfo> info = fail(Code::FileTooLarge);
  if (!too_large) {
    CO_TRY(Result<image::PictureInfo> seen, co_await file.look(look));
    info = std::move(seen);
  }
  if (!info) {
    form.rejected.push_back(
        {std::move(file_name), std::string{net::meaning(info.error().code).name}, net::words_of(info.error())});
    co_return Result<>{};
  }
  const Sha256 sha = file.sha256();
  form.pictures.push_back(
      {.file_name = std::move(file_name), .file = std::move(file), .info = *info, .sha256 = sha, .object_key = {}});
  co_return Result<>{};
}

Task<Form> read_form(Jobs& jobs, net::Multipart& parts) {
  Form form;
  while (true) {
    CO_TRY(std::optional<net::Part> part, co_await parts.next());
    if (!part) break;
    if (part->name == "files") {
      if (form.files() == bounds::batch_files_max) {
        co_return refuse(
            Code::TooManyFiles, "files",
            fmt::format("A batch takes at most {} pictures. Send the rest as another batch.", bounds::batch_files_max));
      }
      CO_CHECK(co_await take_file(jobs, parts, part->file_name.value_or("unnamed"), form));
    } else if (part->name == "quality" || part->name == "face_limit") {
      CO_TRY(const std::string value, co_await read_value(parts, part->name));
      CO_CHECK(part->name == "quality" ? take_quality(form, value) : take_face_limit(form, value));
    } else if (part->name == "model" || part->name == "parameters") {
      CO_TRY(std::string value, co_await read_value(parts, part->name));
      (part->name == "model" ? form.model : form.parameters) = std::move(value);
    } else {
      co_return refuse(Code::Invalid, part->name, fmt::format("{} is not a field of this form.", part->name));
    }
  }
  if (form.files() == 0) co_return fail(Code::FilesMissing);
  co_return form;
}

// --- The order

struct Order {
  JobId job = JobId::make();
  credits::Quality quality = credits::Quality::Medium;
  int triangles_max = 0;
  Credits each;
  ChosenModel model;
};

Result<Order> order_of(const Form& form, const Settings& settings) {
  Order order;
  TRY(order.model, choose_model(settings, form.model, form.parameters));
  if (form.face_limit) {
    const credits::Preset& preset = credits::preset_for(*form.face_limit);
    order.quality = preset.quality;
    order.triangles_max = *form.face_limit;
    order.each = preset.price;
  } else {
    const credits::Preset& preset = credits::preset_of(form.quality.value_or(credits::Quality::Medium));
    order.quality = preset.quality;
    order.triangles_max = preset.triangles_max;
    order.each = preset.price;
  }
  return order;
}

/// Pictures that the model would refuse after it was paid are rejected now.
void reject_unfit(Form& form, const ChosenModel& model) {
  const auto unfit = [&](const Picture& each) {
    const Result<> fits = fits_model(model, each.info);
    if (!fits)
      form.rejected.push_back(
          {each.file_name, std::string{net::meaning(fits.error().code).name}, net::words_of(fits.error())});
    return !fits;
  };
  std::erase_if(form.pictures, unfit);
}

BatchOut batch_of(const Form& form, const Order& order) {
  BatchOut out{.job_id = order.job,
               .status = "queued",
               .items = {},
               .rejected = form.rejected,
               .credits_held = order.each * static_cast<std::int64_t>(form.pictures.size())};
  for (const Picture& each : form.pictures) out.items.push_back({each.item, each.file_name, "queued", order.each});
  return out;
}

/// What was asked, so that a repeated key can be told from a reused one.
Sha256 fingerprint_of(const Form& form, const Order& order) {
  std::string text = fmt::format("{}:{}", net::name_of(order.quality), order.triangles_max);
  if (!form.model.empty() || !form.parameters.empty())
    text += fmt::format(":{}:{}", order.model.id, order.model.parameters);
  for (const Picture& each : form.pictures)
    text += fmt::format("|{}:{}:{}", each.file_name.size(), each.file_name, hex(each.sha256));
  for (const RejectedOut& each : form.rejected) text += fmt::format("|rejected:{}:{}", each.file_name, each.code);
  return sha256(text);
}

Task<> insert_job(db::Tx& tx, net::Ctx& ctx, const Jobs& jobs, const Form& form, const Order& order) {
  sql::CreateJobParams job{.job_id = order.job,
                           .company_id = ctx.company(),
                           .user_id = ctx.user(),
                           .quality = std::string{net::name_of(order.quality)},
                           .triangles_max = order.triangles_max,
                           .item_count = static_cast<std::int64_t>(form.pictures.size())};
  CO_CHECK(co_await sql::create_job(tx, std::move(job)));
  sql::CreateItemsParams items{.company_id = ctx.company(),
                               .job_id = order.job,
                               .credits = order.each.count(),
                               .provider = jobs.settings.provider,
                               .model = order.model.id,
                               .model_version = order.model.version,
                               .model_parameters = order.model.parameters,
                               .attempts_max = jobs.settings.attempts_max,
                               .deadline_s = static_cast<double>(jobs.settings.item_deadline.count())};
  sql::CreateUploadFilesParams files{.company_id = ctx.company(), .job_id = order.job};
  for (const Picture& each : form.pictures) {
    items.item_ids.push_back(each.item.value);
    items.file_names.push_back(each.file_name);
    items.widths.push_back(each.info.width);
    items.heights.push_back(each.info.height);
    files.file_ids.push_back(Uuid::make());
    files.item_ids.push_back(each.item.value);
    files.object_keys.push_back(each.object_key);
    files.media_types.push_back(fmt::format("image/{}", image::name_of(each.info.type)));
    files.bytes.push_back(static_cast<std::int64_t>(each.file.size()));
    files.sha256s.push_back(hex(each.sha256));
  }
  CO_CHECK(co_await sql::create_items(tx, std::move(items)));
  co_return co_await sql::create_upload_files(tx, std::move(files));
}

struct Replayed {
  std::string answer;
};
/// Books everything, or answers what an earlier request with this key was answered.
Task<std::optional<Replayed>> book(net::Ctx& ctx, Jobs& jobs, const Form& form, const Order& order, std::string key,
                                   std::string answer, bool& commit_sent) {
  CO_TRY(db::Tx tx, co_await ctx.begin());
  CO_CHECK(co_await insert_job(tx, ctx, jobs, form, order));
  if (!key.empty()) {
    const Sha256 fingerprint = fingerprint_of(form, order);
    sql::RememberKeyParams remember{.company_id = ctx.company(),
                                    .user_id = ctx.user(),
                                    .key = key,
                                    .fingerprint = {fingerprint.begin(), fingerprint.end()},
                                    .answer = std::move(answer),
                                    .job_id = order.job};
    CO_TRY(const std::int64_t fresh, co_await sql::remember_key(tx, std::move(remember)));
    if (fresh == 0) {
      sql::RememberedParams asked{.company_id = ctx.company(), .user_id = ctx.user(), .key = key};
      CO_TRY(const auto before, co_await sql::remembered(tx, std::move(asked)));
      if (!before) co_return fail(Code::Unavailable, "the request with this key was rolled back just now");
      if (!std::ranges::equal(before->fingerprint, fingerprint)) co_return fail(Code::IdempotencyKeyReused);
      co_return Replayed{before->answer};  // the transaction is dropped: this request books nothing
    }
  }
  std::vector<ItemId> items;
  for (const Picture& each : form.pictures) items.push_back(each.item);
  CO_TRY(const credits::Balance after, co_await credits::reserve(tx, order.job, std::move(items), order.each));
  commit_sent = true;  // from here on an error does not say that nothing was booked
  CO_CHECK(co_await credits::commit(ctx.loop(), tx, ctx.company(), after));
  co_return std::nullopt;
}

/// From here the pictures survive a loss of power; whoever calls removes them again when the booking fails.
Task<> keep_files(net::Ctx& ctx, Form& form, const Order& order) {
  for (Picture& each : form.pictures) {
    each.object_key =
        storage::key_of(storage::Area::Uploads, ctx.company(), order.job, each.item, image::name_of(each.info.type));
    CO_CHECK(co_await each.file.keep(each.object_key));
  }
  co_return Result<>{};
}

Co<void> drop_files(Jobs& jobs, const Form& form) {
  for (const Picture& each : form.pictures) {
    if (each.object_key.empty()) continue;
    const Result<> gone = co_await jobs.store.remove(each.object_key);
    if (!gone) log::warn("upload_left_behind", {{"key", each.object_key}, {"error", log::describe(gone.error())}});
  }
}

constexpr net::Rate batches{.quota = {"uploads", 10, std::chrono::seconds{60}}};
constexpr net::Rate images{.quota = {"images", 100, std::chrono::seconds{3600}}};

/// Answers the data of the envelope as JSON, for a replay is sent as it was.
Task<std::string> create_batch(net::Ctx& ctx, Jobs& jobs, net::Multipart& parts) {
  std::string key{ctx.request().header("idempotency-key")};
  if (!std::ranges::all_of(key, [](char c) { return c >= 0x20 && c <= 0x7e; })) {
    co_return refuse(Code::Invalid, "Idempotency-Key", "An Idempotency-Key has printable ASCII characters only.");
  }
  if (key.size() > 255)
    co_return refuse(Code::Invalid, "Idempotency-Key", "An Idempotency-Key has at most 255 characters.");
  CO_TRY(Form form, co_await read_form(jobs, parts));
  CO_TRY(const Order order, order_of(form, jobs.settings));
  reject_unfit(form, order.model);
  if (form.pictures.empty()) {
    for (const RejectedOut& each : form.rejected) {
      ctx.problems.push_back({net::code_named(each.code), each.file_name, each.message});
    }
    co_return fail(Code::NothingAccepted);
  }
  const BatchOut batch = batch_of(form, order);
  net::Headers of_images;
  const auto count = static_cast<int>(form.pictures.size());
  const Result<> allowed = co_await jobs.limits.take(ctx.loop(), images, ctx.user().text(), of_images, count);
  if (!allowed) {
    ctx.headers = std::move(of_images);
    co_return std::unexpected{allowed.error()};
  }
  Result<> kept = co_await keep_files(ctx, form, order);
  Result<std::optional<Replayed>> booked = fail(Code::Internal);
  bool commit_sent = false;
  if (kept) {
    booked = co_await book(ctx, jobs, form, order, std::move(key), net::to_json(batch), commit_sent);
  } else {
    booked = std::unexpected{kept.error()};
  }
  // A commit whose answer was lost may have happened: then the pictures are the job's. If not, the sweeper takes them.
  const bool surely_not_booked = booked ? booked->has_value() : !commit_sent;
  if (surely_not_booked) co_await drop_files(jobs, form);
  if (!booked) co_return std::unexpected{booked.error()};
  if (*booked) {
    ctx.headers.emplace_back("Idempotent-Replayed", "true");
    co_return (*booked)->answer;
  }
  co_await notify_queued(ctx.loop());
  log::info("batch_accepted", {{"request_id", ctx.request_id()},
                               {"company_id", ctx.company().text()},
                               {"user_id", ctx.user().text()},
                               {"job_id", order.job.text()},
                               {"files", form.pictures.size()},
                               {"rejected", form.rejected.size()},
                               {"credits_held", batch.credits_held.count()}});
  co_return net::to_json(batch);
}

}  // namespace

void upload_routes(net::Router& router, Jobs& jobs) {
  router.add_upload<BatchForm, BatchOut>(
      "/api/v1/upload/batch",
      {.id = "create_batch",
       .summary = "Upload pictures and have models made of them",
       .tag = "Jobs",
       .auth = net::Auth::Member,
       .rate = batches,
       .body_bytes_max = (bounds::batch_files_max + 1) * (bounds::file_bytes_max + 16_KiB) + 64_KiB,
       .deadline = std::chrono::minutes{10},
       .success = 202,
       .success_words = "The batch is queued.",
       .errors = {Code::BoundaryMissing, Code::HeadersTooLarge, Code::FilesMissing, Code::TooManyFiles,
                  Code::NothingAccepted, Code::PresetUnknown, Code::FaceLimitInvalid, Code::InsufficientCredits,
                  Code::IdempotencyKeyReused, Code::StorageFull},
       .request_headers =
           {{"Idempotency-Key",
             "Makes a retry safe: the same key with the same files answers the first answer and books nothing"}}},
      [&jobs](net::Ctx& ctx, net::Multipart& parts) { return create_batch(ctx, jobs, parts); });
}

}  // namespace i2m::jobs
