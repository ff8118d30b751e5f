#include "providers/fal/protocol.h"

#include <gtest/gtest.h>

#include "providers/fal/call.h"
#include "providers/fal/signature.h"

namespace i2m::providers::fal {
namespace {

constexpr std::string_view endpoint = "tripo3d/tripo/v2.5/image-to-3d";

TEST(App, IsOwnerAndAlias) {
  EXPECT_EQ(app_of(endpoint), "tripo3d/tripo");
  EXPECT_EQ(app_of("fal-ai/trellis-2"), "fal-ai/trellis-2");
  EXPECT_EQ(app_of("fal-ai/hyper3d/rodin/v2"), "fal-ai/hyper3d");
  EXPECT_EQ(app_of("workflows/acme/chairs/v1"), "workflows/acme/chairs");
}

TEST(Billed, IsWhatDidNotFailAtTheProviderAndIsNotSaidToBeFree) {
  const auto answer = [](int status, std::string units) {
    net::FetchAnswer out{.status = status, .headers = {}, .body = {}};
    if (!units.empty()) out.headers.emplace_back("x-fal-billable-units", std::move(units));
    return out;
  };
  EXPECT_TRUE(was_billed(answer(422, ""))) << "content that was refused after the work";
  EXPECT_TRUE(was_billed(answer(422, "1.5")));
  EXPECT_TRUE(was_billed(answer(404, ""))) << "it may have been made";
  EXPECT_FALSE(was_billed(answer(422, "0")));
  for (const int status : {499, 500, 502, 503, 504}) EXPECT_FALSE(was_billed(answer(status, ""))) << status;
}

TEST(Submitted, NeedsNothingButTheId) {
  const auto request = parse_submitted(R"({"request_id":"019e-a"})", {}, endpoint);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->status_url, "https://queue.fal.run/tripo3d/tripo/requests/019e-a/status");
  EXPECT_EQ(request->response_url, "https://queue.fal.run/tripo3d/tripo/requests/019e-a");
  EXPECT_EQ(request->cancel_url, "https://queue.fal.run/tripo3d/tripo/requests/019e-a/cancel");
}

TEST(Submitted, FollowsTheAnswersAddressesOnTheSameHostOnly) {
  const auto request = parse_submitted(
      R"({"request_id":"r1","status_url":"https://queue.fal.run/x/y/requests/r1/status/",
          "response_url":"https://evil.example/r1","cancel_url":"http://queue.fal.run/x"})",
      {}, endpoint);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->status_url, "https://queue.fal.run/x/y/requests/r1/status/");
  EXPECT_EQ(request->response_url, "https://queue.fal.run/tripo3d/tripo/requests/r1");
  EXPECT_EQ(request->cancel_url, "https://queue.fal.run/tripo3d/tripo/requests/r1/cancel");
}

TEST(Submitted, WithoutAnIdNobodyKnows) {
  for (const std::string_view body : {"", "{", "<html>502</html>", "[]", "{}", R"({"request_id":7})",
                                      R"({"request_id":""})", R"({"request_id":"../../etc"})"}) {
    const auto request = parse_submitted(body, {}, endpoint);
    ASSERT_FALSE(request) << body;
    EXPECT_EQ(request.error().code, Code::OutcomeUnknown) << body;
  }
}

TEST(Status, ThreePhases) {
  const auto queued = parse_status(R"({"status":"IN_QUEUE","queue_position":3,"logs":null})");
  ASSERT_TRUE(queued);
  EXPECT_EQ(queued->phase, Status::Phase::Queued);
  EXPECT_EQ(queued->queue_position, 3);
  const auto running = parse_status(R"({"status":"IN_PROGRESS","logs":[]})");
  ASSERT_TRUE(running);
  EXPECT_EQ(running->phase, Status::Phase::Running);
  const auto done = parse_status(R"({"status":"COMPLETED","metrics":{"inference_time":1}})");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->phase, Status::Phase::Completed);
  EXPECT_FALSE(done->failure);
  const auto failed = parse_status(R"({"status":"COMPLETED","error":"x","error_type":"runner_disconnected"})");
  ASSERT_TRUE(failed);
  ASSERT_TRUE(failed->failure);
  EXPECT_EQ(failed->failure->type, "runner_disconnected");
  EXPECT_FALSE(parse_status("<html>"));
  EXPECT_FALSE(parse_status(R"({"status":"WEIRD"})"));
}

net::FetchAnswer answer(int status, std::string body, decltype(net::FetchAnswer::headers) headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}

TEST(Failure, IsJudgedByTypeNeverByText) {
  const auto picture = judge(answer(422, R"({"detail":[{"loc":["body","image_url"],"msg":"User is locked",
      "type":"image_load_error","url":"u","input":"i"}]})"));
  EXPECT_EQ(picture.blame, Blame::Picture);
  EXPECT_EQ(picture.code, Code::PictureUnreadable);
  EXPECT_FALSE(picture.again);
  EXPECT_EQ(picture.words.find("locked"), std::string::npos);

  const auto content = judge(answer(422, R"({"detail":[{"type":"content_policy_violation","msg":"x"}]})"));
  EXPECT_EQ(content.blame, Blame::Content);
  EXPECT_EQ(content.code, Code::ContentRejected);

  const auto order =
      judge(answer(422, R"({"detail":[{"loc":["body","face_limit"],"type":"less_than_equal","ctx":{"le":1}}]})"));
  EXPECT_EQ(order.blame, Blame::Order);
  EXPECT_EQ(order.type, "less_than_equal");
}

TEST(Failure, TakesEveryShapeOfBody) {
  EXPECT_EQ(judge(answer(422, R"({"detail":"field required"})")).blame, Blame::Order);
  EXPECT_EQ(judge(answer(502, "<html><h1>502 Bad Gateway</h1>nginx</html>")).blame, Blame::Provider);
  EXPECT_TRUE(judge(answer(502, "<html>")).again);
  EXPECT_EQ(judge(answer(500, "")).blame, Blame::Provider);
  EXPECT_EQ(judge(answer(504, R"({"detail":"Request timed out","error_type":"request_timeout"})")).type,
            "request_timeout");
}

TEST(Failure, AccountAndKeyAndBusy) {
  EXPECT_EQ(judge(answer(403, R"({"detail":"User is locked. Reason: Exhausted balance."})")).blame, Blame::Account);
  EXPECT_EQ(judge(answer(401, R"({"detail":"No user found for Key ID and Secret"})")).blame, Blame::Key);
  EXPECT_EQ(judge(answer(429, R"({"detail":"x","type":"concurrent_requests_limit","data":{"limit":20}})")).blame,
            Blame::Busy);
}

TEST(Failure, HeadersSayWhetherAgain) {
  EXPECT_FALSE(
      judge(answer(500, R"({"detail":[{"type":"internal_server_error"}]})", {{"x-fal-retryable", "false"}})).again);
  EXPECT_TRUE(
      judge(answer(500, R"({"detail":[{"type":"internal_server_error"}]})", {{"x-fal-needs-retry", "1"}})).again);
  EXPECT_FALSE(
      judge(answer(504, R"({"error_type":"request_timeout"})", {{"x-fal-request-timeout-type", "user"}})).again);
  EXPECT_EQ(judge(answer(503, "", {{"x-fal-error-type", "runner_disconnected"}})).type, "runner_disconnected");
}

TEST(Hook, OkBringsItsOutput) {
  const auto hook = parse_hook(R"({"request_id":"r","gateway_request_id":"g","status":"OK","payload":{"seed":1}})");
  ASSERT_TRUE(hook);
  EXPECT_EQ(hook->output, R"({"seed":1})");
  EXPECT_FALSE(hook->failure);
}

TEST(Hook, ErrorBringsItsType) {
  const auto hook = parse_hook(R"({"request_id":"r","status":"ERROR","error":"Invalid status code: 422",
      "payload":{"detail":[{"type":"image_load_error"}]}})");
  ASSERT_TRUE(hook);
  ASSERT_TRUE(hook->failure);
  EXPECT_EQ(hook->failure->blame, Blame::Picture);
}

TEST(Hook, WhatCannotBeToldMustBeFetched) {
  const auto hook =
      parse_hook(R"({"request_id":"r","status":"ERROR","payload":null,"payload_error":"not serializable"})");
  ASSERT_TRUE(hook);
  EXPECT_FALSE(hook->failure);
  EXPECT_TRUE(hook->output.empty());
  for (const std::string_view bad : {"", "[]", "{}", R"({"request_id":"r"})", R"({"status":"OK"})"})
    EXPECT_FALSE(parse_hook(bad)) << bad;
}

// The key is RFC 8032's first test vector; the message and its signature were made by another implementation.
constexpr std::string_view vector_body =
    R"({"request_id":"019e0000-0000-7000-8000-000000000001","gateway_request_id":"019e0000-0000-7000-8000-000000000001","status":"OK","payload":{"seed":1}})";
constexpr std::string_view vector_jwks =
    R"({"keys":[{"kty":"RSA","n":"x"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";
const SignedBy vector_said{"019e0000-0000-7000-8000-000000000001", "github|1234", "1780000000",
                           "cad6152aba0d10a00a54bf3ccc3e01d20fe14d3f02de0702da482c5fedd17a62c2b779c897e57d955349da70263"
                           "4760dfe0c709cd24151cf182434fd033d"
                           "080e"};
const Time vector_time{std::chrono::seconds{1'780'000'000}};

TEST(Signature, OfTheVectorIsGood) {
  const auto keys = parse_keys(vector_jwks);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_TRUE(verify(vector_said, vector_body, *keys, vector_time));
  EXPECT_TRUE(verify(vector_said, vector_body, *keys, vector_time + std::chrono::seconds{300}));
  EXPECT_TRUE(verify(vector_said, vector_body, *keys, vector_time - std::chrono::seconds{300}));
}

TEST(Signature, AnyChangeIsRefused) {
  const auto keys = parse_keys(vector_jwks);
  ASSERT_TRUE(keys);
  const auto refused = [&](const SignedBy& said, std::string_view body, Time now) {
    const auto verdict = verify(said, body, *keys, now);
    return verdict ? Code::Internal : verdict.error().code;
  };
  EXPECT_EQ(refused(vector_said, vector_body, vector_time + std::chrono::seconds{301}), Code::LinkExpired);
  EXPECT_EQ(refused(vector_said, vector_body, vector_time - std::chrono::seconds{301}), Code::LinkExpired);
  EXPECT_EQ(refused(vector_said, std::string{vector_body} + " ", vector_time), Code::LinkInvalid);
  for (const auto field : {&SignedBy::request_id, &SignedBy::user_id, &SignedBy::signature}) {
    SignedBy changed = vector_said;
    (changed.*field)[0] = changed.*field == vector_said.signature ? 'd' : 'x';
    EXPECT_EQ(refused(changed, vector_body, vector_time), Code::LinkInvalid);
  }
  for (const char* wrong : {"", "00", "zz", "cad6152aba0d"}) {
    SignedBy changed = vector_said;
    changed.signature = wrong;
    EXPECT_EQ(refused(changed, vector_body, vector_time), Code::LinkInvalid) << wrong;
  }
  SignedBy later = vector_said;
  later.timestamp = "1780000001";
  EXPECT_EQ(refused(later, vector_body, vector_time), Code::LinkInvalid);
  later.timestamp = "1780000000 ";
  EXPECT_EQ(refused(later, vector_body, vector_time), Code::LinkInvalid);
}

TEST(Signature, KeySetsWithoutAKey) {
  for (const std::string_view jwks :
       {"", "{}", R"({"keys":[]})", R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]})"})
    EXPECT_FALSE(parse_keys(jwks)) << jwks;
}

}  // namespace
}  // namespace i2m::providers::fal
