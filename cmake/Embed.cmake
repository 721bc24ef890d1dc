# Embeds text files as C arrays: ly_embed(target name FILES a.sql b.sql) adds a generated source to
# `target` with `const ly_embedded_file ly_embedded_<name>[]` and `const size_t ly_embedded_<name>_n`.
# Files are in the order given. The declaration is in store/embed.h's form; see cmake/EmbedRun.cmake.
function(ly_embed target name)
  cmake_parse_arguments(E "" "" "FILES" ${ARGN})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embed_${name}.c)
  string(REPLACE ";" "|" joined "${E_FILES}")
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAME=${name} "-DFILES=${joined}"
            -P ${PROJECT_SOURCE_DIR}/cmake/EmbedRun.cmake
    DEPENDS ${E_FILES} ${PROJECT_SOURCE_DIR}/cmake/EmbedRun.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
