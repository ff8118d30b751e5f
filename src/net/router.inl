#pragma once
// The templates of router.h: from a handler's own types to the erased Handler.

namespace i2m::net {

template <Described I>
constexpr bool has_body() {
  bool any = false;
  for_each_field<I>([&](const auto& f) { any = any || f.in == In::Body; });
  return any;
}

template <Described I>
Result<> read_parameters(I& in, const Request& request, const Endpoint& endpoint) {
  TRY(const std::vector<QueryValue> query, query_values(request.query));
  Result<> verdict;
  std::size_t known = 0;
  for_each_field<I>([&](const auto& f) {
    if (f.in == In::Body || !verdict) return;
    auto& member = in.*f.member;
    if (f.in == In::Path) {
      std::size_t at = 0;
      for (const std::string& segment : endpoint.segments) {
        if (!segment.starts_with('{')) continue;
        if (segment.substr(1, segment.size() - 2) == f.name)
          verdict = read_text(member, request.path_values.at(at), f.name);
        ++at;
      }
      return;
    }
    const auto found = std::ranges::find(query, f.name, &QueryValue::name);
    if (found != query.end()) {
      ++known;
      verdict = read_text(member, found->value, f.name);
    } else if (!is_optional<std::remove_cvref_t<decltype(member)>>) {
      verdict = refuse(Code::Invalid, std::string{f.name}, fmt::format("The parameter {} is missing.", f.name));
    }
  });
  if (verdict && known != query.size()) {
    for (const QueryValue& each : query) {
      bool found = false;
      for_each_field<I>([&](const auto& f) { found = found || (f.in == In::Query && f.name == each.name); });
      if (!found)
        return refuse(Code::Invalid, each.name, fmt::format("{} is not a parameter of this address.", each.name));
    }
  }
  return verdict;
}

template <Described I>
Task<I> read_input(const Request& request, const Endpoint& endpoint) {
  I in{};
  CO_CHECK(read_parameters(in, request, endpoint));
  if constexpr (has_body<I>()) {
    CO_TRY(const std::string body, co_await read_json_text(request, endpoint.contract.body_bytes_max));
    CO_CHECK(read_body(in, body));
  }
  co_return in;
}

template <Described O>
Answer envelope(const Endpoint& endpoint, const O& out) {
  Answer answer;
  answer.status = endpoint.contract.success;
  answer.body = success_envelope(to_json(out), endpoint.contract.success_words);
  return answer;
}

template <Described I, Described O, class H>
Co<Answer> run_json(const H& handler, const Endpoint& endpoint, Ctx& ctx, Request& request) {
  Result<I> in = co_await read_input<I>(request, endpoint);
  if (!in) co_return refusal(ctx, request, in.error());
  Result<O> out = co_await handler(ctx, *std::move(in));
  if (!out) co_return refusal(ctx, request, out.error());
  co_return envelope(endpoint, *out);
}

template <class H>
Co<Answer> run_upload(const H& handler, const Endpoint& endpoint, Ctx& ctx, Request& request) {
  Result<Multipart> parts = Multipart::open(request);
  if (!parts) co_return refusal(ctx, request, parts.error());
  Result<std::string> data = co_await handler(ctx, *parts);
  if (!data) co_return refusal(ctx, request, data.error());
  Answer answer;
  answer.status = endpoint.contract.success;
  answer.body = success_envelope(*data, endpoint.contract.success_words);
  co_return answer;
}

template <Described I, class H>
Co<Answer> run_raw(const H& handler, const Endpoint& endpoint, Ctx& ctx, Request& request) {
  Result<I> in = co_await read_input<I>(request, endpoint);
  if (!in) co_return refusal(ctx, request, in.error());
  Result<Answer> out = co_await handler(ctx, *std::move(in));
  if (!out) co_return refusal(ctx, request, out.error());
  co_return *std::move(out);
}

template <Described I>
void Router::describe_parameters(Endpoint& endpoint) {
  for_each_field<I>([&](const auto& f) {
    if (f.in == In::Body) return;
    using Member = std::remove_cvref_t<decltype(std::declval<I>().*f.member)>;
    boost::json::object unused;
    using Plain = typename std::conditional_t<is_optional<Member>, Member, std::optional<Member>>::value_type;
    endpoint.parameters.push_back(
        {std::string{f.name}, f.in, std::string{f.doc}, !is_optional<Member>, schema_of<Plain>(unused)});
  });
}

template <Described I, Described O, class H>
void Router::add(Method method, std::string pattern, Contract contract, H handler) {
  Endpoint& endpoint = insert(method, std::move(pattern), std::move(contract), {});
  // The lambda is no coroutine: it hands what it holds, which lives as long as the router, to one.
  endpoint.handler = [handler = std::move(handler), &endpoint](Ctx& ctx, Request& request) {
    return run_json<I, O>(handler, endpoint, ctx, request);
  };
  if (has_body<I>()) endpoint.request_schema = [](boost::json::object& components) { return schema_of<I>(components); };
  endpoint.answer_schema = [](boost::json::object& components) { return schema_of<O>(components); };
  describe_parameters<I>(endpoint);
}

template <class Form, Described O, class H>
void Router::add_upload(std::string pattern, Contract contract, H handler) {
  Endpoint& endpoint = insert(Method::Post, std::move(pattern), std::move(contract), {});
  endpoint.handler = [handler = std::move(handler), &endpoint](Ctx& ctx, Request& request) {
    return run_upload(handler, endpoint, ctx, request);
  };
  endpoint.request_type = "multipart/form-data";
  endpoint.request_schema = [](boost::json::object&) { return Form::schema(); };
  endpoint.answer_schema = [](boost::json::object& components) { return schema_of<O>(components); };
}

template <Described I, class H>
void Router::add_raw(Method method, std::string pattern, Contract contract, H handler) {
  Endpoint& endpoint = insert(method, std::move(pattern), std::move(contract), {});
  endpoint.handler = [handler = std::move(handler), &endpoint](Ctx& ctx, Request& request) {
    return run_raw<I>(handler, endpoint, ctx, request);
  };
  describe_parameters<I>(endpoint);
}

}  // namespace i2m::net
