#include "storage/storage.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "support/given.h"

namespace i2m::storage {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
std::span<const char> chars_of(std::string_view text) { return {text.data(), text.size()}; }

class StoreTest : public test::Loop {
 protected:
  ~StoreTest() override { pool.join(); }

  std::string key(std::string_view extension = "glb") {
    return key_of(Area::Results, company, job, ItemId::make(), extension);
  }
  Result<> put(const std::string& at, std::string_view text) {
    const Bytes bytes = bytes_of(text);
    return run(store.put(at, bytes));
  }
  Result<Bytes> get(const std::string& at, std::size_t most = 1000) { return run(store.get(at, most)); }
  void grow_old(const fs::path& path) const {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours{2});
  }

  test::TempFolder folder;
  boost::asio::thread_pool pool{2};
  Store store = *Store::open(folder.path(), pool);
  const CompanyId company = CompanyId::make();
  const JobId job = JobId::make();
};

TEST_F(StoreTest, ReadsBackWhatWasPut) {
  const std::string at = key();
  ASSERT_TRUE(put(at, "a model"));
  EXPECT_EQ(get(at), bytes_of("a model"));
  EXPECT_EQ(folder.files(), std::vector{at}) << "nothing but the object itself";
}

TEST_F(StoreTest, LaysObjectsUnderCompanyAndJob) {
  const ItemId item = ItemId::make();
  EXPECT_EQ(key_of(Area::Uploads, company, job, item, "png"),
            fmt::format("uploads/{}/{}/{}.png", company.text(), job.text(), item.text()));
  EXPECT_EQ(key_of(Area::Results, company, job, item, "2.glb"),
            fmt::format("results/{}/{}/{}.2.glb", company.text(), job.text(), item.text()));
}

TEST_F(StoreTest, AReaderFindsTheWholeObjectOrNone) {
  const std::string at = key();
  const std::string old_text(300'000, 'o'), new_text(300'000, 'n');
  ASSERT_TRUE(put(at, old_text));
  std::atomic<bool> done{false};
  int torn = 0, looks = 0;
  std::thread reader{[&] {
    while (!done) {
      std::ifstream in{folder.path() / at, std::ios::binary};
      const std::string seen{std::istreambuf_iterator<char>{in}, {}};
      torn += seen != old_text && seen != new_text;
      ++looks;
    }
  }};
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(put(at, i % 2 == 0 ? new_text : old_text));
  done = true;
  reader.join();
  EXPECT_GT(looks, 0);
  EXPECT_EQ(torn, 0);
}

TEST_F(StoreTest, WhatIsReceivedIsInvisibleUntilItIsKept) {
  const auto receive = [](Store& into, std::string at, const test::TempFolder& look) -> Task<> {
    CO_TRY(Incoming incoming, co_await into.receive());
    CO_CHECK(co_await incoming.write(chars_of("first ")));
    CO_CHECK(co_await incoming.write(chars_of("second")));
    EXPECT_FALSE(fs::exists(look.path() / at));
    EXPECT_EQ(incoming.size(), 12u);
    EXPECT_EQ(incoming.sha256(), i2m::sha256("first second"));
    const auto size = [](std::span<const std::uint8_t> bytes) { return std::string{bytes.begin(), bytes.end()}; };
    CO_TRY(const std::string seen, co_await incoming.look(size));
    EXPECT_EQ(seen, "first second");
    co_return co_await incoming.keep(std::move(at));
  };
  const std::string at = key("png");
  ASSERT_TRUE(run(receive(store, at, folder)));
  EXPECT_EQ(folder.files(), std::vector{at});
  EXPECT_EQ(get(at), bytes_of("first second"));
}

TEST_F(StoreTest, WhatIsDroppedLeavesNothing) {
  const auto drop = [](Store& into) -> Task<> {
    CO_TRY(Incoming incoming, co_await into.receive());
    CO_CHECK(co_await incoming.write(chars_of("a picture that is refused")));
    Incoming moved = std::move(incoming);
    CO_TRY(Incoming other, co_await into.receive());
    other = std::move(moved);
    co_return fail(Code::FileTruncated);
  };
  EXPECT_EQ(run(drop(store)).error().code, Code::FileTruncated);
  EXPECT_TRUE(folder.files().empty()) << folder.files()[0];
}

TEST_F(StoreTest, AnEmptyFileCanBeLookedAt) {
  const auto look = [](Store& into) -> Task<std::size_t> {
    CO_TRY(Incoming incoming, co_await into.receive());
    const auto size = [](std::span<const std::uint8_t> bytes) { return bytes.size(); };
    co_return co_await incoming.look(size);
  };
  EXPECT_EQ(run(look(store)), 0u);
}

TEST_F(StoreTest, RefusesToReadMoreThanIsAskedFor) {
  const std::string at = key();
  ASSERT_TRUE(put(at, "12345"));
  EXPECT_EQ(get(at, 5), bytes_of("12345"));
  EXPECT_EQ(get(at, 4).error().code, Code::Internal);
  EXPECT_EQ(get(key()).error().code, Code::NotFound);
}

TEST_F(StoreTest, RemovesAnObjectAndItsEmptyFolder) {
  const std::string one = key(), two = key();
  ASSERT_TRUE(put(one, "1"));
  ASSERT_TRUE(put(two, "2"));
  EXPECT_TRUE(run(store.remove(one)));
  EXPECT_EQ(get(two), bytes_of("2"));
  EXPECT_TRUE(run(store.remove(one))) << "absent is as good as removed";
  EXPECT_TRUE(run(store.remove(two)));
  EXPECT_FALSE(fs::exists((folder.path() / two).parent_path()));
  EXPECT_TRUE(put(two, "again"));
}

TEST_F(StoreTest, SweepsOldFilesUnderTmpAndNoYoungOnes) {
  std::ofstream{folder.path() / "tmp" / "old.part"} << "x";
  std::ofstream{folder.path() / "tmp" / "young.part"} << "x";
  grow_old(folder.path() / "tmp" / "old.part");
  EXPECT_EQ(run(store.sweep_tmp(std::chrono::hours{1})), 1);
  EXPECT_EQ(folder.files(), std::vector<std::string>{"tmp/young.part"});
  EXPECT_EQ(run(store.sweep_tmp(std::chrono::hours{1})), 0);
}

TEST_F(StoreTest, ListsOldJobFoldersAndNothingElse) {
  const std::string at = key();
  ASSERT_TRUE(put(at, "x"));
  const auto listed = [&](Area area, std::size_t limit = 10) {
    return *run(store.old_job_folders(area, std::chrono::hours{1}, limit));
  };
  EXPECT_TRUE(listed(Area::Results).empty()) << "it is young";
  grow_old((folder.path() / at).parent_path());
  fs::create_directories(folder.path() / "results" / "not-a-company" / job.text());
  fs::create_directories(folder.path() / "results" / company.text() / "not-a-job");
  grow_old(folder.path() / "results" / company.text() / "not-a-job");
  const auto found = listed(Area::Results);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], std::pair(company, job));
  EXPECT_TRUE(listed(Area::Uploads).empty());
  EXPECT_TRUE(run(store.remove_job_folder(Area::Results, company, job)));
  EXPECT_TRUE(listed(Area::Results).empty());
  EXPECT_TRUE(run(store.remove_job_folder(Area::Results, company, job))) << "absent is as good as removed";
}

TEST_F(StoreTest, ListsNoMoreJobFoldersThanAskedFor) {
  for (int i = 0; i < 5; ++i) {
    const fs::path at = folder.path() / "uploads" / company.text() / JobId::make().text();
    fs::create_directories(at);
    grow_old(at);
  }
  EXPECT_EQ(run(store.old_job_folders(Area::Uploads, std::chrono::hours{1}, 3))->size(), 3u);
}

TEST_F(StoreTest, KeepsOthersOut) {
  const std::string at = key();
  ASSERT_TRUE(put(at, "private"));
  for (const fs::path& path : {folder.path() / at, (folder.path() / at).parent_path()}) {
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 077, 0u) << path;
  }
}

TEST_F(StoreTest, SaysWhichFolderCannotBeMade) {
  std::ofstream{folder.path() / "file"} << "x";
  const auto refused = Store::open(folder.path() / "file" / "store", pool);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unavailable);
  EXPECT_EQ(refused.error().field, "STORAGE_ROOT");
  EXPECT_NE(refused.error().message.find("/file/store"), std::string::npos) << refused.error().message;
}

TEST_F(StoreTest, KnowsTheRoomThatIsLeft) { EXPECT_GT(run(store.free_bytes()).value(), 0u); }

// --- A disk that takes no more

/// No file of this process may grow beyond `bytes`, as long as this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(StoreTest, AWriteThatTheSystemRefusesIsAClearErrorAndLeavesNothing) {
  const std::string at = key();
  Result<> refused;
  {
    const FileSizeLimit limit{10'000};
    refused = put(at, std::string(50'000, 'x'));
  }
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unavailable);
  EXPECT_NE(refused.error().detail.find("File too large"), std::string::npos) << refused.error().detail;
  EXPECT_TRUE(folder.files().empty()) << folder.files()[0];
  EXPECT_TRUE(put(at, "small")) << "and the next is fine";
}

TEST_F(StoreTest, AFullDiskIsStorageFullAndLeavesNothing) {
  const fs::path disk = folder.path() / "disk";
  fs::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "no right to mount: RLIMIT_FSIZE stands in for it";
  {
    Store small = *Store::open(disk, pool);
    const Bytes big(1 << 20, 'x');
    const std::string at = key();
    const auto refused = run(small.put(at, big));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::StorageFull);
    EXPECT_FALSE(fs::exists(disk / at));
    EXPECT_TRUE(fs::is_empty(disk / "tmp"));
    EXPECT_TRUE(run(small.put(at, bytes_of("small"))));
  }
  ::umount2(disk.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace i2m::storage
