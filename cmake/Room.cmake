# A room is src/NAME, a static library sb_NAME, a namespace, and an include root of its own: build/include/NAME holds one
# link, NAME -> src/NAME, and only targets that name the room get that root. So `#include "pg/connection.h"` compiles in a
# room that says USES pg and nowhere else.
#
# In a room's folder: *_test.cc are tests without a server, *_pgtest.cc tests on a real PostgreSQL, *.sql is embedded as
# constants of the generated header NAME/sql_text.h (file name in CamelCase: read_tables.sql -> NAME::sql_text::kReadTables);
# NAME::sql_text::kAll lists them, for the test that prepares each.

set(SB_INCLUDE_FARM ${CMAKE_BINARY_DIR}/include)
set(SB_GENERATED ${CMAKE_BINARY_DIR}/generated)
add_custom_target(generated COMMENT "The generated headers, which lint needs")
set(SB_ROOMS "" CACHE INTERNAL "rooms declared so far")

function(sb_include_root name)
  file(MAKE_DIRECTORY ${SB_INCLUDE_FARM}/${name})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${name} ${SB_INCLUDE_FARM}/${name}/${name} SYMBOLIC)
endfunction()

function(sb_include_rooms target)
  foreach(room ${ARGN})
    if(NOT room IN_LIST SB_ROOMS)
      message(FATAL_ERROR "${target} uses room '${room}', which is not declared before it")
    endif()
    target_include_directories(${target} PRIVATE ${SB_INCLUDE_FARM}/${room})
    target_link_libraries(${target} PRIVATE sb_${room})
  endforeach()
endfunction()

function(sb_together target)
  if(SB_WHOLE_ROOMS)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
  endif()
endfunction()

function(sb_embed_sql name target)
  file(GLOB_RECURSE sql_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.sql)
  if(NOT sql_files)
    return()
  endif()
  set(header ${SB_GENERATED}/${name}/${name}/sql_text.h)
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DROOM=${name} -DOUTPUT=${header} "-DFILES=${sql_files}" -P
            ${CMAKE_SOURCE_DIR}/cmake/EmbedSql.cmake
    DEPENDS ${sql_files} ${CMAKE_SOURCE_DIR}/cmake/EmbedSql.cmake
    VERBATIM)
  add_custom_target(sb_${name}_sql DEPENDS ${header})
  add_dependencies(generated sb_${name}_sql)
  add_dependencies(${target} sb_${name}_sql)
  target_include_directories(${target} PRIVATE ${SB_GENERATED}/${name})
endfunction()

function(sb_room_test name suffix sources uses)
  set(test ${name}_${suffix})
  add_executable(${test} ${sources})
  sb_include_rooms(${test} ${uses})
  target_link_libraries(${test} PRIVATE nlohmann_json::nlohmann_json fmt::fmt GTest::gmock Threads::Threads)
  target_compile_options(${test} PRIVATE -O0)
  target_precompile_headers(${test} REUSE_FROM sb_precompiled_tests)
  if(TARGET sb_${name}_sql)
    add_dependencies(${test} sb_${name}_sql)
    target_include_directories(${test} PRIVATE ${SB_GENERATED}/${name})
  endif()
  if(suffix STREQUAL "pgtest")
    target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support)
    target_link_libraries(${test} PRIVATE sb_test_support)
    gtest_discover_tests(${test} TEST_PREFIX ${test}. DISCOVERY_MODE PRE_TEST
                         PROPERTIES LABELS pg FIXTURES_REQUIRED postgres TIMEOUT 300)
  else()
    target_link_libraries(${test} PRIVATE GTest::gtest_main)
    gtest_discover_tests(${test} TEST_PREFIX ${test}. DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit TIMEOUT 300)
  endif()
endfunction()

# sb_room(NAME [USES room...] [TEST_USES room...] [LIBRARIES target...])
function(sb_room name)
  cmake_parse_arguments(ROOM "" "" "USES;TEST_USES;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  set(unit_tests ${sources})
  list(FILTER unit_tests INCLUDE REGEX "_test\\.cc$")
  set(pg_tests ${sources})
  list(FILTER pg_tests INCLUDE REGEX "_pgtest\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(pg)?test\\.cc$")

  sb_include_root(${name})
  set(target sb_${name})
  if(NOT sources)  # headers only
    set(sources ${CMAKE_BINARY_DIR}/no_sources.cc)
    file(CONFIGURE OUTPUT ${sources} CONTENT "")
  endif()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PRIVATE ${SB_INCLUDE_FARM}/${name})
  target_link_libraries(${target} PRIVATE nlohmann_json::nlohmann_json fmt::fmt Threads::Threads ${ROOM_LIBRARIES})
  target_precompile_headers(${target} REUSE_FROM sb_precompiled)
  sb_together(${target})
  sb_include_rooms(${target} ${ROOM_USES})
  sb_embed_sql(${name} ${target})
  set(SB_ROOMS "${SB_ROOMS};${name}" CACHE INTERNAL "")

  if(unit_tests)
    sb_room_test(${name} test "${unit_tests}" "${name};${ROOM_USES};${ROOM_TEST_USES}")
  endif()
  if(pg_tests)
    sb_room_test(${name} pgtest "${pg_tests}" "${name};${ROOM_USES};${ROOM_TEST_USES}")
  endif()
endfunction()

# sb_program(NAME ROOM room [LIBRARIES target...]): the program; it may use every room.
function(sb_program name)
  cmake_parse_arguments(PROGRAM "" "ROOM" "LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${PROGRAM_ROOM}/*.cc)
  if(NOT sources)
    message(WARNING "${name} has no sources yet")
    return()
  endif()
  sb_include_root(${PROGRAM_ROOM})
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${SB_INCLUDE_FARM}/${PROGRAM_ROOM})
  target_link_libraries(${name} PRIVATE nlohmann_json::nlohmann_json fmt::fmt ${PROGRAM_LIBRARIES})
  sb_include_rooms(${name} ${SB_ROOMS})
  target_precompile_headers(${name} REUSE_FROM sb_precompiled)
  sb_together(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()
