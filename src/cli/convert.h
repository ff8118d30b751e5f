#pragma once

namespace i2m::cli {

/// `image2model convert in.png -o out.glb`: the embedded engine from the command line, without any service.
///
/// `argv[0]` is the word "convert". Writes the output file whole or not at all (temporary file, then rename).
/// Answers the process's exit code: 0 done, 1 the picture or a file could not be used, 2 wrong arguments.
int convert_main(int argc, char** argv);

}  // namespace i2m::cli
