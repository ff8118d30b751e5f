#include "net/multipart.h"

#include <random>

#include "base/bounds.h"
#include "support/run.h"

namespace i2m::net {
namespace {

/// Gives `text` in pieces, each as long as `next_size` says.
class Pieces final : public Body {
 public:
  Pieces(std::string text, std::function<std::size_t()> next_size)
      : text_{std::move(text)}, next_size_{std::move(next_size)} {}
  Task<std::size_t> read(std::span<char> into) override {
    const std::size_t n = std::min({into.size(), text_.size() - at_, next_size_()});
    std::copy_n(text_.data() + at_, n, into.data());
    at_ += n;
    co_return n;
  }

 private:
  std::string text_;
  std::function<std::size_t()> next_size_;
  std::size_t at_ = 0;
};

Task<std::string> tell(Multipart& parts) {
  std::string out;
  while (true) {
    CO_TRY(const std::optional<Part> part, co_await parts.next());
    if (!part) co_return out;
    out += fmt::format("[{}|{}|{}]", part->name, part->file_name.value_or("-"), part->content_type);
    while (true) {
      CO_TRY(const std::span<const char> bytes, co_await parts.read());
      if (bytes.empty()) break;
      out.append(bytes.data(), bytes.size());
    }
  }
}

Task<std::string> heads_only(Multipart& parts) {
  std::string out;
  while (true) {
    CO_TRY(const std::optional<Part> part, co_await parts.next());
    if (!part) co_return out;
    out += part->name + ";";
  }
}

Request request_with(const std::string& type, Body& body) {
  Request request;
  request.body = &body;
  request.header = [type](std::string_view name) {
    return name == "content-type" ? std::string_view{type} : std::string_view{};
  };
  return request;
}

class MultipartTest : public test::Loop {
 protected:
  using Reader = Task<std::string> (*)(Multipart&);
  /// The parts as one text, or the refusal's code.
  std::string read(const std::string& body, std::function<std::size_t()> sizes, Reader reader = tell) {
    Pieces pieces{body, std::move(sizes)};
    const Request request = request_with("multipart/form-data; boundary=b", pieces);
    auto parts = Multipart::open(request);
    if (!parts) return std::string{meaning(parts.error().code).name};
    const auto told = run(reader(*parts));
    return told ? *told : std::string{meaning(told.error().code).name};
  }
  std::string whole(const std::string& body) {
    return read(body, [] { return std::size_t{1} << 20; });
  }
  std::string opened(const std::string& type) {
    Pieces none{"", [] { return std::size_t{1}; }};
    const Request request = request_with(type, none);
    const auto parts = Multipart::open(request);
    return parts ? "ok" : std::string{meaning(parts.error().code).name};
  }
  static std::string part(std::string_view disposition, std::string_view content) {
    return fmt::format("--b\r\nContent-Disposition: form-data; {}\r\n\r\n{}\r\n", disposition, content);
  }
  std::string file_name_of(std::string_view sent) {
    const std::string told = whole(part(fmt::format("name=\"f\"; filename=\"{}\"", sent), "") + "--b--\r\n");
    return told.substr(3, told.size() - 5);
  }
};

const std::string several =
    "--b\r\nContent-Disposition: form-data; name=\"quality\"\r\n\r\nhigh\r\n"
    "--b\r\ncontent-type: image/png\r\nCONTENT-DISPOSITION: form-data; filename=\"a.png\"; name=\"files\"\r\n\r\n"
    "\r\n--a \r\n--\r\r\n-b--b\r\n-\r\n--\r\n--c--b-- \n--b \r--b\r\n"
    "--b\r\nContent-Disposition: form-data; name=empty\r\n\r\n\r\n"
    "--b--\r\nan epilogue that nobody reads";
const std::string several_told =
    "[quality|-|]high[files|a.png|image/png]\r\n--a \r\n--\r\r\n-b--b\r\n-\r\n--\r\n--c--b-- \n--b \r--b[empty|-|]";

TEST_F(MultipartTest, GivesItsPartsInOrder) { EXPECT_EQ(whole(several), several_told); }

TEST_F(MultipartTest, EveryWayToCutTheBodyGivesTheSameParts) {
  for (std::size_t size = 1; size <= several.size(); ++size) {
    EXPECT_EQ(read(several, [size] { return size; }), several_told) << "pieces of " << size;
  }
  const unsigned seed = std::random_device{}();
  std::minstd_rand random{seed};
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(read(several, [&random] { return 1 + random() % 9; }), several_told) << "seed " << seed;
  }
}

TEST_F(MultipartTest, TwoPiecesCutAnywhereGiveTheSameParts) {
  for (std::size_t cut = 1; cut < several.size(); ++cut) {
    bool first = true;
    EXPECT_EQ(read(several, [&] { return std::exchange(first, false) ? cut : several.size(); }), several_told)
        << "cut at " << cut;
  }
}

TEST_F(MultipartTest, ContentLargerThanTheBufferArrivesWhole) {
  std::string content(3 * bounds::io_buffer_bytes + 12'345, 'x');
  std::minstd_rand random{7};
  for (std::size_t at = 0; at + 10 < content.size(); at += 1 + random() % 5000) content.replace(at, 4, "\r\n--");
  const std::string body = part("name=\"f\"", content) + "--b--\r\n";
  EXPECT_EQ(whole(body), "[f|-|]" + content);
  EXPECT_EQ(read(body, [&random] { return 1 + random() % 100'000; }), "[f|-|]" + content);
}

TEST_F(MultipartTest, BytesThatLookLikeTheBeginningOfABoundaryAreSearchedOnce) {
  // Each piece leaves all before it undecided; searched anew every time this is 2 GB of looking, and a loop that stands
  // still.
  std::string body = "--b\r\nContent-Disposition: form-data; name=f\r\n\r\n";
  const std::string content(100'000, '\r');
  body += content + "\r\n--b--\r\n";
  EXPECT_EQ(read(body, [] { return std::size_t{3}; }), "[f|-|]" + content);
}

TEST_F(MultipartTest, PartsThatNobodyReadsAreSkipped) {
  EXPECT_EQ(read(several, [] { return std::size_t{3}; }, heads_only), "quality;files;empty;");
}

TEST_F(MultipartTest, WhatStandsBeforeTheFirstBoundaryIsNoPart) {
  EXPECT_EQ(whole("This is a message\r\nin MIME format. --b\r\n" + several), several_told);
  EXPECT_EQ(whole("\r\n" + several), several_told);
}

TEST_F(MultipartTest, NoPartAtAllIsAnEmptyForm) { EXPECT_EQ(whole("--b--\r\n"), ""); }

TEST_F(MultipartTest, RefusesWhatIsNotFramedProperly) {
  const std::string good = part("name=\"f\"", "content");
  const std::pair<const char*, std::string> rows[] = {
      {"nothing", ""},
      {"no boundary at all", "content"},
      {"another boundary", "--c\r\n\r\ncontent\r\n--c--\r\n"},
      {"no final boundary", good},
      {"no final boundary, cut in it", good + "--b-"},
      {"the body ends in a head", "--b\r\nContent-Disposition: form-da"},
      {"the body ends in the content", "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\ncont"},
      {"the body ends behind a boundary", good + "--b"},
      {"a final boundary without its line break",
       "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\ncontent--b--\r\n"},
      {"a boundary that goes on", "--bx\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\ncontent\r\n--b--\r\n"},
      {"a boundary with a bare line feed", "--b\nContent-Disposition: form-data; name=\"f\"\n\ncontent\r\n--b--\r\n"},
      {"a head without a name", "--b\r\nContent-Type: text/plain\r\n\r\ncontent\r\n--b--\r\n"},
      {"an empty head", "--b\r\n\r\n\r\n\r\n--b--\r\n"},
      {"a header without a colon", "--b\r\nContent-Disposition form-data\r\n\r\ncontent\r\n--b--\r\n"},
      {"a disposition without parameters", "--b\r\nContent-Disposition: form-data\r\n\r\ncontent\r\n--b--\r\n"},
  };
  for (const auto& [name, body] : rows) {
    EXPECT_EQ(whole(body), "malformed") << name;
    EXPECT_EQ(read(body, [] { return std::size_t{1}; }), "malformed") << name << ", byte by byte";
  }
}

TEST_F(MultipartTest, APartsHeadIsBoundedTheSameHoweverItIsCut) {
  const auto with_head_of = [](std::size_t bytes) {
    const std::string start = "\r\nContent-Disposition: form-data; name=\"f\"\r\nX: ";
    return "--b" + start + std::string(bytes - start.size(), 'x') + "\r\n\r\ncontent\r\n--b--\r\n";
  };
  for (const std::size_t bytes : {8000u, 8190u, 8191u, 8192u}) {
    EXPECT_EQ(whole(with_head_of(bytes)), "[f|-|]content") << bytes;
    EXPECT_EQ(read(with_head_of(bytes), [] { return std::size_t{1}; }), "[f|-|]content") << bytes << ", byte by byte";
  }
  for (const std::size_t bytes : {8193u, 8200u, 100'000u, 1'000'000u}) {
    EXPECT_EQ(whole(with_head_of(bytes)), "headers_too_large") << bytes;
    EXPECT_EQ(read(with_head_of(bytes), [] { return std::size_t{1}; }), "headers_too_large")
        << bytes << ", byte by byte";
  }
}

TEST_F(MultipartTest, NamesMayBeQuotedOrBareAndEscaped) {
  const std::pair<const char*, const char*> rows[] = {
      {R"(name="f"; filename="a b.png")", "[f|a b.png|]"},
      {R"(name=f; filename=a.png)", "[f|a.png|]"},
      {R"(filename="a;b=c.png" ; name="f")", "[f|a;b=c.png|]"},
      {R"(name="f"; filename="say \"hi\".png")", "[f|say \"hi\".png|]"},
      {R"(NAME="f"; FileName="a.png")", "[f|a.png|]"},
      {R"(name="name=x"; filename="filename=y")", "[name=x|filename=y|]"},
      {R"(name="")", "[|-|]"},
  };
  for (const auto& [disposition, told] : rows)
    EXPECT_EQ(whole(part(disposition, "") + "--b--\r\n"), told) << disposition;
}

TEST_F(MultipartTest, OfAPathOnlyTheNameIsKept) {
  EXPECT_EQ(file_name_of("../../etc/passwd"), "passwd");
  EXPECT_EQ(file_name_of("/root/.ssh/id_rsa"), "id_rsa");
  EXPECT_EQ(file_name_of("C:\\Users\\anna\\cat.png"), "cat.png");
  EXPECT_EQ(file_name_of("a/"), "unnamed");
  EXPECT_EQ(file_name_of(""), "unnamed");
  EXPECT_EQ(file_name_of("..\\.."), "..") << "a name for people, never a path of ours";
}

TEST_F(MultipartTest, FileNamesAreBoundedAtAWholeCharacterAndPrintable) {
  EXPECT_EQ(file_name_of("a\tb\x7f\x01.png"), "ab.png");
  EXPECT_EQ(file_name_of(std::string(300, 'x')).size(), bounds::file_name_bytes_max);
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string name(shift, 'x');
    for (int i = 0; i < 100; ++i) name += "\xf0\x9f\x90\x88";  // a cat, four bytes
    const std::string kept = file_name_of(name);
    EXPECT_LE(kept.size(), bounds::file_name_bytes_max);
    EXPECT_GT(kept.size(), bounds::file_name_bytes_max - 8);
    EXPECT_EQ((kept.size() - shift) % 4, 0u) << "cut in the middle of a character";
  }
}

TEST_F(MultipartTest, AFileNameThatIsNotUtf8BecomesOneThatIs) {
  for (const char* sent :
       {"a\xff.png", "a\xc3.png", "a\xed\xa0\x80.png", "a\xc0\xaf.png", "a\xf5\x80\x80\x80.png", "a\xe2\x82"}) {
    const std::string kept = file_name_of(sent);
    boost::system::error_code ec;
    const auto parsed = boost::json::parse("\"" + kept + "\"", ec);
    EXPECT_FALSE(ec) << "PostgreSQL and JSON both refuse it: " << fmt::format("{:?}", kept);
    EXPECT_TRUE(kept.starts_with("a")) << kept;
  }
  EXPECT_EQ(file_name_of("k\xc3\xa4tzchen \xe2\x82\xac \xf0\x9f\x90\x88.png"),
            "k\xc3\xa4tzchen \xe2\x82\xac \xf0\x9f\x90\x88.png");
}

TEST_F(MultipartTest, IsTakenByItsTypeAlone) {
  const std::pair<std::string, const char*> rows[] = {
      {"multipart/form-data; boundary=b", "ok"},
      {"Multipart/Form-Data ; Boundary=\"b c\"", "ok"},
      {"multipart/form-data; charset=utf-8; boundary=b", "ok"},
      {"multipart/form-data", "boundary_missing"},
      {"multipart/form-data; boundary=", "boundary_missing"},
      {"multipart/form-data; boundary=\"\"", "boundary_missing"},
      {"multipart/form-data; charset=utf-8", "boundary_missing"},
      {"multipart/form-data; boundary=" + std::string(201, 'b'), "boundary_missing"},
      {"multipart/mixed; boundary=b", "media_type_unsupported"},
      {"application/json", "media_type_unsupported"},
      {"", "media_type_unsupported"},
  };
  for (const auto& [type, answer] : rows) EXPECT_EQ(opened(type), answer) << type;
}

}  // namespace
}  // namespace i2m::net
