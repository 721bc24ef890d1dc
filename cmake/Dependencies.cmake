# Debian 12 packages, each for one job (docs/ARCHITECTURE.md says which).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(dep grpc libcurl libcjson sqlite3 libmicrohttpd libzstd libdeflate openssl libxxhash
            yaml-0.1 libpcre2-8 tinfo)
  string(MAKE_C_IDENTIFIER "DEP_${dep}" name)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${dep})
endforeach()
# gRPC's C core alone: grpc.pc names more than the C API needs.
add_library(lydite_grpc INTERFACE)
target_link_libraries(lydite_grpc INTERFACE -lgrpc -lgpr)
if(LYDITE_TESTS)
  pkg_check_modules(DEP_cmocka REQUIRED IMPORTED_TARGET cmocka)
endif()
