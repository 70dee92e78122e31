#pragma once

#include "batch/client/edge.hpp"

namespace shipyard::batch {

/// The commands of the tool; each returns its exit status. A signal is no error: ask edge.interruption.
int run_job(const Edge& edge);      // verb_run.cpp
int submit_job(const Edge& edge);   // verb_run.cpp
int render_job(const Edge& edge);   // verb_render.cpp
int show_status(const Edge& edge);  // verb_status.cpp
int show_logs(const Edge& edge);    // verb_logs.cpp
int terminate(const Edge& edge);    // verb_terminate.cpp
int diagnose(const Edge& edge);     // verb_diagnose.cpp
int clean_up(const Edge& edge);     // verb_cleanup.cpp
int convert(const Edge& edge);      // verb_convert.cpp
int create_pool(const Edge& edge);  // verb_pool.cpp
int show_pool(const Edge& edge);    // verb_pool.cpp
int resize_pool(const Edge& edge);  // verb_pool.cpp
int delete_pool(const Edge& edge);  // verb_pool.cpp

}  // namespace shipyard::batch
