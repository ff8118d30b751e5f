#pragma once

#include "admin/verbs.h"

// What an operator does with calls to outside providers: `image2model admin provider ...`.
namespace i2m::admin {

/// How each provider is, and what its calls have come to and cost.
Task<Answer> provider_status(net::Loop& loop, Options in);
/// The calls whose answer was lost.
Task<Answer> provider_unsure(net::Loop& loop, Options in);
/// What the operator found out about one of them: `request_id`, under which it was accepted; or that it was not, and
/// its item is submitted again. Errors: Code::NotFound when the call is not unsure.
Task<Answer> provider_resolve(net::Loop& loop, Options in);
/// Lays our calls of the last `days` beside the provider's own bill, by request. Errors: Code::Unavailable when the
/// provider does not answer; Code::Conflict, after naming them, when a request was billed that no call of ours knows.
Task<Answer> provider_reconcile(net::Loop& loop, Options in);

}  // namespace i2m::admin
