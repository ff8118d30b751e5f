#include "net/fetch.h"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <curl/curl.h>
#include <fmt/format.h>

#include <map>

#include "base/wait.h"

namespace i2m::net {
namespace asio = boost::asio;
namespace {

using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using List = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

constexpr long connections_kept = 64;
constexpr long receive_buffer = 32L * 1024;

bool is_loopback(std::string_view host) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  return host == "localhost" || (!error && address.is_loopback());
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

/// One request under way: what curl reads from and writes to.
struct Transfer {
  FetchRequest request;
  FetchAnswer answer;
  Easy easy{curl_easy_init(), &curl_easy_cleanup};
  List headers{nullptr, &curl_slist_free_all};
  std::array<char, CURL_ERROR_SIZE> why{};
  std::size_t sent = 0;  // of the body
  bool too_large = false;
  bool refused = false;  // by on_data
  CURLcode code = CURLE_OK;
  std::function<void()> done;

  bool streams() const { return request.on_data && answer.status >= 200 && answer.status < 300; }
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.streams()) {
    transfer.refused = !transfer.request.on_data({data, size});
    return transfer.refused ? 0 : size;
  }
  transfer.too_large = transfer.answer.body.size() + size > transfer.request.bytes_max;
  if (transfer.too_large) return 0;
  transfer.answer.body.append(data, size);
  return size;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line{data, size};
  if (line.starts_with("HTTP/")) {  // also after a 100: only the last head counts
    transfer.answer.headers.clear();
    long status = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    transfer.answer.status = static_cast<int>(status);
    return size;
  }
  if (const std::size_t colon = line.find(':'); colon != std::string_view::npos)
    transfer.answer.headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  return size;
}

std::size_t give_body(char* into, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t n = transfer.request.body.copy(into, size, transfer.sent);
  transfer.sent += n;
  return n;
}

int rewind_body(void* self, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.request.once || origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
  transfer.sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

template <class T>
void set(Transfer& transfer, CURLoption option, T value) {
  curl_easy_setopt(transfer.easy.get(), option, value);
}

void prepare(Transfer& transfer, const std::string& user_agent) {
  const FetchRequest& request = transfer.request;
  for (const auto& [name, value] : request.headers) {
    transfer.headers.reset(curl_slist_append(transfer.headers.release(), fmt::format("{}: {}", name, value).c_str()));
  }
  transfer.headers.reset(curl_slist_append(transfer.headers.release(), "Expect:"));  // no 100-continue round trip
  set(transfer, CURLOPT_URL, request.url.c_str());
  set(transfer, CURLOPT_PROTOCOLS_STR, "http,https");  // which of them, check_outgoing has said
  set(transfer, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(transfer, CURLOPT_USERAGENT, user_agent.c_str());
  set(transfer, CURLOPT_NOSIGNAL, 1L);
  set(transfer, CURLOPT_FOLLOWLOCATION, 0L);
  set(transfer, CURLOPT_BUFFERSIZE, receive_buffer);
  set(transfer, CURLOPT_ERRORBUFFER, transfer.why.data());
  set(transfer, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  set(transfer, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(transfer, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(transfer, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.silence_timeout.count()));
  set(transfer, CURLOPT_HTTPHEADER, transfer.headers.get());
  set(transfer, CURLOPT_WRITEFUNCTION, &take_body);
  set(transfer, CURLOPT_WRITEDATA, &transfer);
  set(transfer, CURLOPT_HEADERFUNCTION, &take_header);
  set(transfer, CURLOPT_HEADERDATA, &transfer);
  if (request.method == "POST" || request.method == "PUT") {
    set(transfer, request.method == "PUT" ? CURLOPT_UPLOAD : CURLOPT_POST, 1L);
    set(transfer, request.method == "PUT" ? CURLOPT_INFILESIZE_LARGE : CURLOPT_POSTFIELDSIZE_LARGE,
        static_cast<curl_off_t>(request.body.size()));
    set(transfer, CURLOPT_READFUNCTION, &give_body);
    set(transfer, CURLOPT_READDATA, &transfer);
    set(transfer, CURLOPT_SEEKFUNCTION, &rewind_body);
    set(transfer, CURLOPT_SEEKDATA, &transfer);
  } else if (request.method != "GET") {
    set(transfer, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (request.once) {
    // On a connection that is used again, curl sends a request anew when the peer has closed meanwhile: for a POST that
    // pays, that could be a second payment.
    set(transfer, CURLOPT_FRESH_CONNECT, 1L);
    set(transfer, CURLOPT_FORBID_REUSE, 1L);
  }
}

Result<FetchAnswer> outcome(Transfer& transfer) {
  if (transfer.code == CURLE_OK) return std::move(transfer.answer);
  const std::string_view why = transfer.why[0] != 0 ? transfer.why.data() : curl_easy_strerror(transfer.code);
  if (transfer.refused) return fail(Code::Cancelled, "ended by the reader");
  if (transfer.too_large) return fail(Code::BodyTooLarge, "the answer is larger than was asked for");
  long request_bytes = 0;  // of the head that went out
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_REQUEST_SIZE, &request_bytes);
  // What is in the query may be a secret (a signed address, a webhook's token), and this ends up in logs and rows.
  const std::string& url = transfer.request.url;
  return fail(request_bytes == 0 ? Code::Unavailable : Code::OutcomeUnknown,
              fmt::format("{} {}", std::string_view{url}.substr(0, url.find('?')), why));
}

}  // namespace

std::string_view FetchAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

Result<> check_outgoing(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->host().empty()) return fail(Code::Invalid, fmt::format("{} is not an address", url));
  const std::string host = parsed->host_address();  // without the brackets of an IPv6 one
  if (parsed->scheme() == "https" || (parsed->scheme() == "http" && is_loopback(host))) return {};
  return fail(Code::Invalid, fmt::format("{}: only https is allowed, and http to this machine itself", url));
}

struct Fetcher::Impl : std::enable_shared_from_this<Fetcher::Impl> {
  Impl(asio::io_context& io_, std::string agent) : io{io_}, timer{io_}, user_agent{std::move(agent)} {
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(global);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Impl::watch);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Impl::set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections_kept);
  }

  /// A socket that curl wants to hear of. `wanted` is curl's; a wait that ends finds out what still holds.
  struct Watched {
    Watched(asio::io_context& io, curl_socket_t socket) : descriptor{io, socket} {}
    ~Watched() {
      if (descriptor.is_open()) descriptor.release();  // curl closes it
    }
    Descriptor descriptor;
    int wanted = 0;
    bool reading = false, writing = false;
  };

  static int watch(CURL*, curl_socket_t socket, int what, void* self, void*) {
    auto& impl = *static_cast<Impl*>(self);
    if (what == CURL_POLL_REMOVE) {
      // Let go of at once: curl closes the socket next, and the number may come back as another one's.
      if (const auto at = impl.sockets.find(socket); at != impl.sockets.end()) {
        at->second->descriptor.release();
        impl.sockets.erase(at);
      }
      return 0;
    }
    auto& watched = impl.sockets[socket];
    if (!watched) watched = std::make_shared<Watched>(impl.io, socket);
    watched->wanted = what;
    impl.wait(socket, watched);
    return 0;
  }

  void wait(curl_socket_t socket, const std::shared_ptr<Watched>& watched) {
    const bool in = (watched->wanted & CURL_POLL_IN) != 0, out = (watched->wanted & CURL_POLL_OUT) != 0;
    if (in && !watched->reading) listen(socket, watched, watched->reading, Descriptor::wait_read, CURL_CSELECT_IN);
    if (out && !watched->writing) listen(socket, watched, watched->writing, Descriptor::wait_write, CURL_CSELECT_OUT);
  }

  void listen(curl_socket_t socket, const std::shared_ptr<Watched>& watched, bool& busy, Descriptor::wait_type type,
              int event) {
    busy = true;
    watched->descriptor.async_wait(type, [this, self = weak_from_this(), socket, kept = std::weak_ptr{watched}, &busy,
                                          event](boost::system::error_code ec) {
      const auto alive = self.lock();
      const auto still = kept.lock();
      if (!alive || !still) return;
      busy = false;
      act(socket, ec ? CURL_CSELECT_ERR : event);
      const auto at = sockets.find(socket);
      if (at != sockets.end() && at->second == still) wait(socket, still);
    });
  }

  static int set_timer(CURLM*, long ms, void* self) {
    auto& impl = *static_cast<Impl*>(self);
    if (ms < 0) {
      impl.timer.cancel();
      return 0;
    }
    impl.timer.expires_after(std::chrono::milliseconds{ms});
    impl.timer.async_wait([&impl, self = impl.weak_from_this()](boost::system::error_code ec) {
      if (const auto alive = self.lock(); alive && !ec) impl.act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
  }

  void act(curl_socket_t socket, int event) {
    int running = 0;
    curl_multi_socket_action(multi, socket, event, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const easy = message->easy_handle;
      const CURLcode code = message->data.result;
      curl_multi_remove_handle(multi, easy);
      const auto at = transfers.find(easy);
      if (at == transfers.end()) continue;
      const std::shared_ptr<Transfer> transfer = std::move(at->second);
      transfers.erase(at);
      transfer->code = code;
      transfer->done();
    }
  }

  void start(std::shared_ptr<Transfer> transfer) {
    CURL* const easy = transfer->easy.get();
    transfers.emplace(easy, std::move(transfer));
    curl_multi_add_handle(multi, easy);  // curl asks for its timer at once
  }

  void close() {
    for (const auto& [easy, transfer] : transfers) curl_multi_remove_handle(multi, easy);
    transfers.clear();
    curl_multi_cleanup(multi);
    sockets.clear();
    timer.cancel();
  }

  asio::io_context& io;
  Timer timer;
  std::string user_agent;
  CURLM* multi = nullptr;
  std::map<curl_socket_t, std::shared_ptr<Watched>> sockets;
  std::map<CURL*, std::shared_ptr<Transfer>> transfers;
};

Fetcher::Fetcher(asio::io_context& io, std::string user_agent)
    : impl_{std::make_shared<Impl>(io, std::move(user_agent))} {}
Fetcher::~Fetcher() { impl_->close(); }

Task<FetchAnswer> Fetcher::fetch(FetchRequest request) {
  CO_CHECK(check_outgoing(request.url));
  const auto transfer = std::make_shared<Transfer>();
  transfer->request = std::move(request);
  prepare(*transfer, impl_->user_agent);
  using Token = asio::use_awaitable_t<Executor>;
  const auto begin = [impl = impl_, transfer](auto handler) {
    auto home = asio::get_associated_executor(handler);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    // Not from within curl: what the coroutine does next may be another fetch.
    transfer->done = [home, shared] { asio::post(home, [shared] { (std::move(*shared))(); }); };
    impl->start(transfer);
  };
  Token token;
  co_await asio::async_initiate<Token, void()>(begin, token);
  transfer->done = nullptr;
  co_return outcome(*transfer);
}

}  // namespace i2m::net
