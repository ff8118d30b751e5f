#include "net/file_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/offload.h"

namespace i2m::net {

Task<FileReader> FileReader::open(boost::asio::thread_pool& pool, std::string path, std::uint64_t offset) {
  // errno belongs to the pool's thread: it comes back with the answer.
  const auto open_it = [&path, offset] {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    if (offset > 0) ::lseek(fd, static_cast<off_t>(offset), SEEK_SET);
    return fd;
  };
  const int fd = co_await offload(pool, open_it);
  if (fd < 0) co_return fail(fd == -ENOENT ? Code::NotFound : Code::Unavailable, "open " + path);
  co_return FileReader{pool, fd};
}

FileReader::FileReader(FileReader&& other) noexcept : pool_{other.pool_}, fd_{std::exchange(other.fd_, -1)} {}

FileReader::~FileReader() {
  if (fd_ >= 0) ::close(fd_);
}

Task<std::size_t> FileReader::read(std::span<char> into) {
  const int fd = fd_;
  const auto read_it = [fd, into] { return ::read(fd, into.data(), into.size()); };
  const ssize_t n = co_await offload(*pool_, read_it);
  if (n < 0) co_return fail(Code::Unavailable, "read");
  co_return static_cast<std::size_t>(n);
}

}  // namespace i2m::net
