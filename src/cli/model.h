#pragma once

namespace i2m::cli {

/// `image2model model in.glb`: looks at a GLB of whatever origin, draws it, simplifies it, writes it in other formats.
///
/// `argv[0]` is the word "model". Answers the process's exit code: 0 done, 1 a file could not be used, 2 wrong
/// arguments.
int model_main(int argc, char** argv);

}  // namespace i2m::cli
