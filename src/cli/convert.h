#pragma once

namespace i2m::cli {

/// `image2model convert mug.jpg -o mug.glb`: the embedded engine from the command line, without any service.
///
/// `argv[0]` is the word "convert". Writes files whole or not at all (temporary file, then rename); one picture's
/// refusal does not keep the others from being converted. Answers the process's exit code: see convert_options.h.
int convert_main(int argc, char** argv);

}  // namespace i2m::cli
