#include "redis/protocol.h"

#include <hiredis/read.h>

#include <iterator>

#include "base/bounds.h"

namespace i2m::redis {
namespace {

constexpr int array_elements_max = 1 << 20;
constexpr std::size_t reply_bytes_max = 64_MiB;

/// Where hiredis wants the object it is about to read: the root, or its place in the array that holds it. Arrays get
/// their full size when they open, so that these addresses stay.
Reply* place_of(const redisReadTask* task) {
  if (task->parent == nullptr) return static_cast<Reply*>(task->privdata);
  return &static_cast<Reply*>(task->parent->obj)->elements[static_cast<std::size_t>(task->idx)];
}

void* make_text(const redisReadTask* task, char* text, std::size_t size) {
  Reply* reply = place_of(task);
  reply->kind = task->type == REDIS_REPLY_ERROR ? Reply::Kind::Error : Reply::Kind::Text;
  reply->text.assign(text, size);
  return reply;
}

void* make_array(const redisReadTask* task, int elements) {
  if (elements < 0 || elements > array_elements_max) return nullptr;
  Reply* reply = place_of(task);
  reply->kind = Reply::Kind::Array;
  reply->elements.resize(static_cast<std::size_t>(elements));
  return reply;
}

void* make_integer(const redisReadTask* task, long long number) {
  Reply* reply = place_of(task);
  reply->kind = Reply::Kind::Integer;
  reply->integer = number;
  return reply;
}

void* make_nil(const redisReadTask* task) { return place_of(task); }

// No freeObject: the root belongs to the Parser.
redisReplyObjectFunctions functions{make_text, make_array, make_integer, make_nil, nullptr};

}  // namespace

void append(std::string& out, const Command& command) {
  const auto head = [&out](char kind, std::size_t n) {
    const fmt::format_int digits{n};
    out += kind;
    out.append(digits.data(), digits.size());
    out += "\r\n";
  };
  head('*', command.size());
  for (const std::string& word : command) {
    head('$', word.size());
    out += word;
    out += "\r\n";
  }
}

Parser::Parser() : reader_{redisReaderCreateWithFunctions(&functions)}, root_{std::make_unique<Reply>()} {
  if (reader_ == nullptr) throw std::bad_alloc{};
  reader_->privdata = root_.get();
}

Parser::~Parser() { redisReaderFree(reader_); }

Result<> Parser::feed(std::string_view bytes) {
  if (reader_->len + bytes.size() > reply_bytes_max) return fail(Code::Unavailable, "reply too large");
  if (redisReaderFeed(reader_, bytes.data(), bytes.size()) != REDIS_OK) return fail(Code::Unavailable, reader_->errstr);
  return {};
}

Result<std::optional<Reply>> Parser::next() {
  void* whole = nullptr;
  if (redisReaderGetReply(reader_, &whole) != REDIS_OK) return fail(Code::Unavailable, reader_->errstr);
  if (whole == nullptr) return std::nullopt;
  return std::exchange(*root_, Reply{});
}

}  // namespace i2m::redis
