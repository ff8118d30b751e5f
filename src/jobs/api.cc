// What a job's owner asks: how it stands, and its files.
#include "jobs/queries.gen.h"
#include "jobs/status.h"

namespace i2m::jobs {
namespace {

using net::field;

struct FileOut {
  ItemId item_id;
  std::string file_name;
  std::string url;
  std::int64_t size = 0;
  std::string sha256;
  std::int32_t triangles = 0;
  Time expires_at;
  static constexpr std::string_view schema_name = "ModelFile";
  static constexpr auto fields() {
    return std::tuple{field("item_id", &FileOut::item_id, "The item it was made for"),
                      field("file_name", &FileOut::file_name, "The picture's name with .glb"),
                      field("url", &FileOut::url, "Signed; needs no token; relative to this server"),
                      field("size", &FileOut::size, "Bytes"),
                      field("sha256", &FileOut::sha256, "Of the file, in hex"),
                      field("triangles", &FileOut::triangles, "As measured"),
                      field("expires_at", &FileOut::expires_at, "Until when the link works; ask again for a new one")};
  }
};
struct FilesOut {
  std::vector<FileOut> files;
  static constexpr std::string_view schema_name = "ModelFiles";
  static constexpr auto fields() { return std::tuple{field("files", &FilesOut::files, "The models that are ready")}; }
};

std::string model_name_of(std::string_view picture_name) {
  const std::size_t dot = picture_name.rfind('.');
  return std::string{picture_name.substr(0, dot == 0 ? picture_name.size() : dot)} + ".glb";
}

Task<JobStatusOut> get_job_status(net::Ctx& ctx, JobIn in) {
  CO_TRY(Snapshot now, co_await snapshot(ctx.loop(), ctx.company(), in.job_id));
  co_return std::move(now.job);
}

Task<FilesOut> list_job_files(net::Ctx& ctx, Jobs& jobs, JobIn in) {
  db::Reader reader = ctx.reader();
  sql::JobParams asked{.company_id = ctx.company(), .job_id = in.job_id};
  CO_TRY(const auto job, co_await sql::job(reader, std::move(asked)));
  if (!job) co_return fail(Code::NotFound);
  sql::ModelsOfJobParams params{.company_id = ctx.company(), .job_id = in.job_id};
  CO_TRY(const auto rows, co_await sql::models_of_job(reader, std::move(params)));
  FilesOut out;
  for (const auto& row : rows) {
    const storage::Links::Link link = jobs.links.sign(ctx.company(), row.file_id, ctx.now());
    out.files.push_back(
        {row.item_id, model_name_of(row.file_name), link.url, row.bytes, hex(row.sha256), row.triangles, link.expires});
  }
  co_return out;
}

// --- GET /api/v1/download/files/{file_id}: whoever holds the link

struct LinkIn {
  FileId file_id;
  CompanyId company;
  std::int64_t expires = 0;
  std::string key;
  std::string signature;
  static constexpr std::string_view schema_name = "LinkIn";
  static constexpr auto fields() {
    return std::tuple{field("file_id", &LinkIn::file_id, "The file").path(),
                      field("company", &LinkIn::company, "Part of the signature").query(),
                      field("expires", &LinkIn::expires, "Part of the signature: unix seconds").query(),
                      field("key", &LinkIn::key, "Which key signed").query(),
                      field("signature", &LinkIn::signature, "The signature").query()};
  }
};

// RFC 6266: a plain fall-back, and the true name in UTF-8.
std::string disposition_of(std::string_view name) {
  std::string plain, encoded;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool simple =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    plain += simple || c == ' ' ? c : '_';
    encoded += simple ? std::string{c} : fmt::format("%{:02X}", byte);
  }
  return fmt::format("attachment; filename=\"{}\"; filename*=UTF-8''{}", plain, encoded);
}

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
/// One range of a file of `size` bytes; nothing for what is not one, which is then answered whole (RFC 9110, 14.2).
std::optional<Range> range_of(std::string_view header, std::uint64_t size) {
  if (!header.starts_with("bytes=") || size == 0) return std::nullopt;
  header.remove_prefix(6);
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos || header.find(',') != std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view text) -> std::optional<std::uint64_t> {
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return n;
  };
  const auto first = number(header.substr(0, dash));
  const auto last = number(header.substr(dash + 1));
  if (dash == 0 && last && *last > 0) return Range{size - std::min(*last, size), size - 1};
  if (!first || *first >= size || (!last && dash + 1 != header.size())) return std::nullopt;
  const std::uint64_t end = std::min(last.value_or(size - 1), size - 1);
  if (end < *first) return std::nullopt;
  return Range{*first, end};
}

Task<net::Answer> download_file(net::Ctx& ctx, Jobs& jobs, LinkIn in) {
  CO_CHECK(jobs.links.verify(in.company, in.file_id, in.expires, in.key, in.signature, ctx.now()));
  ctx.act_as(net::Principal{UserId{}, in.company, net::Role::Member});
  db::Reader reader = ctx.reader();
  sql::ModelFileParams params{.company_id = in.company, .file_id = in.file_id};
  CO_TRY(const auto file, co_await sql::model_file(reader, std::move(params)));
  if (!file) co_return fail(Code::NotFound);
  const auto size = static_cast<std::uint64_t>(file->bytes);
  const std::string etag = fmt::format("\"{}\"", hex(file->sha256));
  net::Answer out;
  out.content_type = file->media_type;
  out.headers = {{"ETag", etag},
                 {"Cache-Control", "private, max-age=3600"},
                 {"Accept-Ranges", "bytes"},
                 {"Content-Disposition", disposition_of(model_name_of(file->file_name))},
                 {"Referrer-Policy", "no-referrer"}};
  if (ctx.request().header("if-none-match") == etag) {
    out.status = 304;
    co_return out;
  }
  net::FileBody body{.path = jobs.store.path_of(file->object_key), .bytes = size};
  const std::string_view part_of = ctx.request().header("if-range");  // a part of another model is no use
  const bool whole = !part_of.empty() && part_of != etag;
  if (const auto range = whole ? std::nullopt : range_of(ctx.request().header("range"), size)) {
    out.status = 206;
    body.offset = range->first;
    body.bytes = range->last - range->first + 1;
    out.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", range->first, range->last, size));
  }
  out.file = std::move(body);
  co_return out;
}

constexpr net::Rate status_looks{.quota = {"status", 1200, std::chrono::seconds{60}}};
constexpr net::Rate downloads{.quota = {"downloads", 1000, std::chrono::seconds{3600}}};
constexpr net::Rate link_downloads{.quota = {"downloads", 1000, std::chrono::seconds{3600}}, .by = net::RateBy::Client};

}  // namespace

Task<Snapshot> snapshot(net::Loop& loop, CompanyId company, JobId id) {
  db::Reader reader = loop.db.reader(company);
  sql::JobParams asked{.company_id = company, .job_id = id};
  CO_TRY(const auto job, co_await sql::job(reader, std::move(asked)));
  if (!job) co_return fail(Code::NotFound);
  sql::ItemsOfJobParams of{.company_id = company, .job_id = id};
  CO_TRY(const auto rows, co_await sql::items_of_job(reader, std::move(of)));
  CO_TRY(const credits::JobTotals totals, co_await credits::totals_of(reader, company, id));
  Snapshot out;
  out.event_seq = job->event_seq;
  out.job.job_id = id;
  out.job.triangles_max = job->triangles_max;
  out.job.created_at = job->created_at;
  out.job.finished_at = job->finished_at;
  out.job.credits = {totals.held, totals.settled, totals.released};
  CO_CHECK(net::read_text(out.job.status, job->status, "status"));
  CO_CHECK(net::read_text(out.job.quality, job->quality, "quality"));
  for (const auto& row : rows) {
    ItemStatusOut item{
        .item_id = row.item_id, .file_name = row.file_name, .stage = row.stage, .progress = row.progress};
    CO_CHECK(net::read_text(item.status, row.status, "status"));
    if (row.error_code) item.error = ItemErrorOut{*row.error_code, row.error_message.value_or("")};
    // An item that failed is done with, too: a job that has ended stands at 1.
    const bool ended = item.status == ItemStatus::Failed || item.status == ItemStatus::Cancelled;
    out.job.progress += (ended ? 1 : row.progress) / static_cast<double>(rows.size());
    out.job.items.push_back(std::move(item));
  }
  co_return out;
}

void routes(net::Router& router, Jobs& jobs) {
  upload_routes(router, jobs);
  cancel_routes(router);
  model_routes(router, jobs);
  event_routes(router, jobs);
  router.add<JobIn, JobStatusOut>(net::Method::Get, "/api/v1/jobs/{job_id}/status",
                                  {.id = "get_job_status",
                                   .summary = "How a job and each of its pictures stand",
                                   .tag = "Jobs",
                                   .auth = net::Auth::Member,
                                   .rate = status_looks,
                                   .errors = {Code::NotFound}},
                                  get_job_status);
  router.add<JobIn, FilesOut>(net::Method::Get, "/api/v1/download/{job_id}/files",
                              {.id = "list_job_files",
                               .summary = "Signed links to the models that are ready",
                               .tag = "Jobs",
                               .auth = net::Auth::Member,
                               .rate = downloads,
                               .errors = {Code::NotFound}},
                              [&jobs](net::Ctx& ctx, JobIn in) { return list_job_files(ctx, jobs, in); });
  router.add_raw<LinkIn>(net::Method::Get, "/api/v1/download/files/{file_id}",
                         {.id = "download_file",
                          .summary = "A model, by its signed link",
                          .tag = "Jobs",
                          .auth = net::Auth::SignedLink,
                          .rate = link_downloads,
                          .success_words = "The model",
                          .answers = "model/gltf-binary",
                          .errors = {Code::NotFound, Code::LinkInvalid, Code::LinkExpired},
                          .also = {{206, "A part of the model"}, {304, "The model that the client has"}}},
                         [&jobs](net::Ctx& ctx, LinkIn in) { return download_file(ctx, jobs, std::move(in)); });
}

}  // namespace i2m::jobs
