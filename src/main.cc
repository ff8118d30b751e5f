// One binary, one role a subcommand.
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <iostream>

#include "admin/admin.h"
#include "app.h"
#include "cli/convert.h"
#include "cli/model.h"
#include "net/problem.h"
#include "version.gen.h"

namespace i2m {
namespace {

int report(const Result<>& done) {
  if (done) return 0;
  const Error& error = done.error();
  std::cerr << "image2model: " << net::words_of(error);
  if (!error.detail.empty()) std::cerr << " (" << error.detail << ")";
  std::cerr << "\n";
  return error.code == Code::Invalid ? 2 : 1;
}

int run_role(const char* name, Result<> (*role)(const Settings&)) {
  const Settings settings = Settings::from_environment();
  const Result<log::Level> level = settings.log_level();
  if (!level) return report(std::unexpected{level.error()});
  std::signal(SIGPIPE, SIG_IGN);
  log::start(name, *level);
  const int code = report(role(settings));
  log::flush();
  return code;
}

int run_migrate() {
  const Settings settings = Settings::from_environment();
  const Result<std::string> conninfo = settings.required("DATABASE_OWNER_URL");
  if (!conninfo) return report(std::unexpected{conninfo.error()});
  const auto progress = [](const db::Migration& migration, Duration took) {
    std::cout << fmt::format("applied {} in {} ms\n", migration.name, took.count() / 1000);
  };
  const Result<db::MigrateReport> done = db::migrate(*conninfo, app::migrations(), progress);
  if (!done) return report(std::unexpected{done.error()});
  std::cout << fmt::format("schema is at {}: {} applied now, {} before\n", done->applied + done->already, done->applied,
                           done->already);
  return 0;
}

}  // namespace
}  // namespace i2m

int main(int argc, char** argv) {
  using namespace i2m;
  const std::string_view first = argc > 1 ? argv[1] : "";
  // These read their own arguments.
  if (first == "convert") return cli::convert_main(argc - 1, argv + 1);
  if (first == "model") return cli::model_main(argc - 1, argv + 1);
  if (first == "admin") return admin::admin_main(argc - 1, argv + 1);

  CLI::App cli{"Image2Model: pictures in, textured 3D models out.", "image2model"};
  cli.set_version_flag("--version", std::string{version});
  cli.require_subcommand(1);
  int code = 0;
  cli.add_subcommand("serve", "the HTTP API")->callback([&] { code = run_role("serve", app::serve); });
  cli.add_subcommand("work", "makes the models")->callback([&] { code = run_role("work", app::work); });
  cli.add_subcommand("schedule", "dispatches, takes back what was lost, sweeps")->callback([&] {
    code = run_role("schedule", app::schedule);
  });
  cli.add_subcommand("migrate", "brings the database's schema up to date")->callback([&] { code = run_migrate(); });
  cli.add_subcommand("openapi", "prints the API's OpenAPI 3.1 document")->callback([] { std::cout << app::openapi(); });
  cli.add_subcommand("convert", "one picture to one model, with no server (see: convert --help)");
  cli.add_subcommand("model", "looks at, draws, simplifies and converts a GLB (see: model --help)");
  cli.add_subcommand("admin", "companies, users, credits (see: admin --help)");
  CLI11_PARSE(cli, argc, argv);
  return code;
}
