#pragma once

namespace i2m::admin {

/// `image2model admin VERB …`: what an operator does by hand. Prints one JSON line; exit code 0, 1 (refused), 2
/// (usage).
int admin_main(int argc, char** argv);

}  // namespace i2m::admin
