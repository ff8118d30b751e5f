#pragma once

#include "net/head_parser.h"
#include "net/session.h"

namespace i2m::net {

/// The body of one request, straight from the session's buffer and socket.
class SocketBody final : public Body {
 public:
  SocketBody(Session& session, const HeadParser& head, std::size_t bytes_max)
      : session_{session},
        chunked_{head.chunked()},
        left_{head.content_length().value_or(0)},
        allowance_{bytes_max},
        expects_continue_{head.expects_continue()} {}

  Task<std::size_t> read(std::span<char> into) override;
  bool ended() const { return chunked_ ? chunk_ended_ : left_ == 0; }
  bool waits_for_continue() const { return expects_continue_ && !ended(); }

 private:
  Task<std::size_t> read_more(std::span<char> into);
  Task<std::size_t> some(std::span<char> into);
  Task<> next_chunk();
  Task<std::string> line();

  Session& session_;
  bool chunked_;
  bool chunk_ended_ = false;
  bool first_chunk_ = true;
  bool broken_ = false;
  std::uint64_t left_;
  std::uint64_t allowance_;
  bool expects_continue_;
};

}  // namespace i2m::net
