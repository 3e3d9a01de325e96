#include "run/store.h"
#include "temp_file.h"
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

static char *contents(const char *path)
{
    char *text;
    cs_error err = {""};
    cr_assert_eq(cs_text_read_file(path, &text, NULL, &err), CS_OK, "%s", err.text);
    return text;
}

static void make_row(cs_row *row, const char *id)
{
    cr_assert_eq(cs_row_new(&cs_schema_results, row), CS_OK);
    cs_row_count(row, "schema", CS_SCHEMA_VERSION);
    cs_row_text(row, "run_id", id);
    cs_row_text(row, "status", "ok");
}

Test(durable, append_writes_the_header_once_and_cuts_a_torn_line)
{
    char path[64];
    cs_text line = {0};
    temp_file(path, "");
    cs_text_addf(&line, "1,2\n");
    cr_assert_eq(cs_file_append(path, "a,b\n", &line, NULL), CS_OK);
    cr_assert_eq(cs_file_append(path, "a,b\n", &line, NULL), CS_OK);
    FILE *file = fopen(path, "a");
    fputs("3,tor", file);
    fclose(file);
    cr_assert_eq(cs_file_append(path, "a,b\n", &line, NULL), CS_OK);
    char *text = contents(path);
    cr_assert_str_eq(text, "a,b\n1,2\n1,2\n1,2\n");
    free(text);
    cs_text_free(&line);
    remove(path);
}

Test(durable, write_replaces_whole_files_or_nothing)
{
    char folder[64], path[CS_PATH_MAX];
    cs_error err = {""};
    temp_folder(folder);
    cr_assert_eq(cs_path_format(path, NULL, "%s/f", folder), CS_OK);
    cr_assert_eq(cs_file_write(path, "one", 3, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_file_write(path, "two", 3, &err), CS_OK);
    char *text = contents(path);
    cr_assert_str_eq(text, "two");
    free(text);
    cr_assert_eq(cs_path_format(path, NULL, "%s/no/f", folder), CS_OK);
    cr_assert_eq(cs_file_write(path, "x", 1, &err), CS_EIO);
    cr_assert(strstr(err.text, "No such file"), "%s", err.text);
    cr_assert_eq(cs_folder_remove(folder, &err), CS_OK);
    cr_assert_not(cs_file_exists(folder));
}

Test(durable, a_lock_is_held_once)
{
    char path[64];
    int first = -1, second = -1;
    temp_file(path, "");
    cr_assert_eq(cs_lock_take(path, &first, NULL), CS_OK);
    cr_assert_eq(cs_lock_take(path, &second, NULL), CS_STOP);
    cs_lock_drop(first);
    cr_assert_eq(cs_lock_take(path, &second, NULL), CS_OK);
    cs_lock_drop(second);
    remove(path);
}

Test(store, unwritable_folder_is_one_sentence)
{
    char path[64];
    cs_store store;
    cs_error err = {""};
    temp_file(path, ""); /* a file where the folder should be: also root cannot write there */
    cr_assert_eq(cs_store_at(path, "c", &store, &err), CS_OK);
    cr_assert_eq(cs_store_prepare(&store, &err), CS_EIO);
    cr_assert(strstr(err.text, "not writable") && strstr(err.text, "--results DIR"), "%s",
              err.text);
    remove(path);
}

Test(store, append_list_finish_and_forget)
{
    char folder[64], path[CS_PATH_MAX], (*ids)[17];
    static const char *const id[] = {"00000000000000aa", "00000000000000bb"};
    size_t n;
    bool torn, finished;
    cs_store store;
    cs_error err = {""};
    temp_folder(folder);
    cr_assert_eq(cs_store_at(folder, "c", &store, &err), CS_OK);
    cr_assert_eq(cs_store_prepare(&store, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_store_listed(&store, &ids, &n, &torn, &err), CS_OK);
    cr_assert(n == 0 && !torn);
    free(ids);
    for (int i = 0; i < 2; i++) {
        cs_row row;
        make_row(&row, id[i]);
        cr_assert_eq(cs_store_path(&store, id[i], "", path, &err), CS_OK);
        cr_assert_eq(cs_folder_make(path, &err), CS_OK);
        cr_assert_eq(cs_store_write(&store, id[i], "result.csv", &row, 1, &err), CS_OK);
        cr_assert_eq(cs_store_append(&store, &row, &err), CS_OK);
        cs_row_free(&row);
    }
    FILE *file = fopen(store.results, "a");
    fputs("1,\"0000", file);
    fclose(file);
    cr_assert_eq(cs_store_listed(&store, &ids, &n, &torn, &err), CS_OK);
    cr_assert(n == 2 && torn);
    cr_assert_str_eq(ids[1], id[1]);
    free(ids);

    const char first[1][17] = {"00000000000000aa"};
    cr_assert_eq(cs_store_forget(&store, first, 1, true, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_store_listed(&store, &ids, &n, &torn, &err), CS_OK);
    cr_assert(n == 1 && !torn);
    cr_assert_str_eq(ids[0], id[1]);
    free(ids);
    cr_assert_eq(cs_store_result(&store, id[0], &finished, NULL, &err), CS_OK);
    cr_assert_not(finished);

    const char second[1][17] = {"00000000000000bb"};
    cr_assert_eq(cs_store_forget(&store, second, 1, false, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_path_format(path, &err, "%s/old/%s.1/result.csv", store.dir, id[1]), CS_OK);
    cr_assert(cs_file_exists(path));
    cr_assert_eq(cs_store_runs(&store, &ids, &n, &err), CS_OK);
    cr_assert_eq(n, 1);
    free(ids);
    cs_folder_remove(folder, NULL);
}

Test(store, a_torn_result_is_not_finished)
{
    char folder[64], path[CS_PATH_MAX];
    bool finished = true;
    cs_store store;
    cs_row row;
    cs_text text = {0};
    temp_folder(folder);
    cr_assert_eq(cs_store_at(folder, "c", &store, NULL), CS_OK);
    cr_assert_eq(cs_store_path(&store, "00000000000000cc", "", path, NULL), CS_OK);
    cr_assert_eq(cs_folder_make(path, NULL), CS_OK);
    make_row(&row, "00000000000000cc");
    cs_schema_header(&cs_schema_results, &text);
    cr_assert_eq(cs_row_line(&row, &text), CS_OK);
    cr_assert_eq(cs_store_path(&store, "00000000000000cc", "result.csv", path, NULL), CS_OK);
    FILE *file = fopen(path, "w");
    fwrite(text.data, 1, text.len - 5, file);
    fclose(file);
    cr_assert_eq(cs_store_result(&store, "00000000000000cc", &finished, NULL, NULL), CS_OK);
    cr_assert_not(finished);
    cs_row_free(&row);
    cs_text_free(&text);
    cs_folder_remove(folder, NULL);
}
