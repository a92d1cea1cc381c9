/*
 * fb_track.c: `Client.track` for CPython, the one call that is made once an event, without a Python frame and without
 * cffi in its way. Everything that is not common about a call is left to the method in Python that it stands for.
 *
 * It links nothing of the core: `fb_push` and the entry reach it as addresses, so that there is one copy of the core in a
 * process, the one that cffi binds. It keeps to the limited API of 3.10: one binary serves every later CPython.
 *
 * The twin of this file, with the same behaviour, is `python_track` in src/fastbatch/core/quick.py.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "fastbatch.h"

/* The parameters of `track`; the first three are what a common call gives. */
static const char *const PARAMETERS[] = {"user_id",   "event",        "properties",   "context",
                                         "timestamp", "anonymous_id", "integrations", "message_id"};
enum { PARAMETER_COUNT = 8, VALUE_COUNT = 3 };

typedef int (*push_function)(struct fb_entry *handle, const char *fields);
typedef PyObject *(*fast_function)(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);

/* Where a call encodes and pushes to. */
struct target {
    PyObject *entry; /* a QuickEntry, which keeps all below alive; NULL while no call is common */
    PyObject *dumps;
    fast_function fast_dumps; /* NULL when dumps has another calling convention */
    PyObject *fallback;       /* what dumps calls for values that it does not know */
    PyObject *options;
    PyObject *after_push;  /* called with the client and the result when that is not FB_OK */
    PyObject *python_push; /* what is called when the core has no addresses, which is one in Python */
    PyObject *python_handle;
    push_function push;
    struct fb_entry *handle;
};

/* What a client inherits. */
struct quick {
    PyObject_HEAD
    struct target target;
};

/* What METH_FASTCALL | METH_KEYWORDS promises of a function. It saves the tuple that PyObject_Call() wants; the limited API
 * has no vectorcall before 3.12. */
static fast_function
fast_function_of(PyObject *callable)
{
    if (!PyCFunction_Check(callable) || PyCFunction_GetFlags(callable) != (METH_FASTCALL | METH_KEYWORDS))
        return NULL;
    return (fast_function)(void (*)(void))PyCFunction_GetFunction(callable);
}

/* False, with an exception set, when it is no entry. */
static bool
read_entry(PyObject *entry, struct target *target)
{
    PyObject *core, *push_address, *handle_address;

    if (!PyTuple_Check(entry)) {
        PyErr_SetString(PyExc_TypeError, "an entry is a QuickEntry or None");
        return false;
    }
    /* In the order of QuickEntry, see quick.py; all of them borrowed. */
    if (!PyArg_ParseTuple(entry, "OOOOOOOOO", &target->dumps, &target->fallback, &target->options, &target->after_push,
                          &core, &target->python_push, &target->python_handle, &push_address, &handle_address))
        return false;
    target->entry = entry;
    target->fast_dumps = fast_function_of(target->dumps);
    target->push = (push_function)(uintptr_t)PyLong_AsVoidPtr(push_address);
    target->handle = PyErr_Occurred() ? NULL : PyLong_AsVoidPtr(handle_address);
    return !PyErr_Occurred();
}

/* Returns the place of a parameter; -1 when none has this name. */
static int
place_of(PyObject *name)
{
    for (int place = 0; place < PARAMETER_COUNT; place++) {
        if (PyUnicode_CompareWithASCIIString(name, PARAMETERS[place]) == 0)
            return place;
    }
    return -1;
}

/* Puts an argument where it belongs; false when the call is not common. */
static bool
put_argument(PyObject *values[VALUE_COUNT], int place, PyObject *argument)
{
    if (place < 0)
        return false;
    if (place >= VALUE_COUNT)
        return argument == Py_None;
    if (values[place] != NULL)
        return false;
    values[place] = argument;
    return true;
}

/* Finds the three values of a common call: a user and an event that are text, and a dict. */
static bool
find_values(PyObject *const *args, Py_ssize_t count, PyObject *names, PyObject *values[VALUE_COUNT])
{
    const Py_ssize_t name_count = names == NULL ? 0 : PyTuple_Size(names);

    values[0] = values[1] = values[2] = NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (i == PARAMETER_COUNT || !put_argument(values, (int)i, args[i]))
            return false;
    }
    for (Py_ssize_t i = 0; i < name_count; i++) {
        const int place = place_of(PyTuple_GetItem(names, i));

        /* What is given twice is an error, which the method in Python words. */
        if (place < count || !put_argument(values, place, args[count + i]))
            return false;
    }
    return values[0] != NULL && PyUnicode_CheckExact(values[0]) && values[1] != NULL &&
           PyUnicode_CheckExact(values[1]) && values[2] != NULL && PyDict_Check(values[2]);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* what replaces PyErr_Fetch is not in the API of 3.10 */

/*
 * Takes back the TypeError of a value that orjson refuses, for which there is another way; leaves every other exception,
 * and raises the one that is no Exception: Ctrl-C while a value's own code ran, which orjson wraps like any other.
 */
static void
forgive_refusal(void)
{
    PyObject *type, *error, *traceback, *cause;

    if (!PyErr_ExceptionMatches(PyExc_TypeError))
        return;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    cause = PyException_GetCause(error);
    if (cause != NULL && !PyObject_IsInstance(cause, PyExc_Exception))
        PyErr_SetObject((PyObject *)Py_TYPE(cause), cause);
    Py_XDECREF(cause);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
}

#pragma GCC diagnostic pop

static PyObject *
call_dumps(const struct target *target, PyObject *tuple)
{
    PyObject *const args[] = {tuple, target->fallback, target->options};

    if (target->fast_dumps != NULL)
        return target->fast_dumps(PyCFunction_GetSelf(target->dumps), args, 3, NULL);
    return PyObject_CallFunctionObjArgs(target->dumps, args[0], args[1], args[2], NULL);
}

/* Returns the values as JSON bytes; NULL when they are refused, perhaps with an exception set. */
static PyObject *
encode(const struct target *target, PyObject *const values[VALUE_COUNT])
{
    PyObject *tuple = PyTuple_Pack(VALUE_COUNT, values[0], values[1], values[2]), *bytes;

    if (tuple == NULL)
        return NULL;
    bytes = call_dumps(target, tuple);
    Py_DECREF(tuple);
    if (bytes == NULL)
        forgive_refusal();
    return bytes;
}

/* Appends the bytes to the queue; false with an exception set, which only a core in Python does. */
static bool
push_bytes(const struct target *target, PyObject *bytes, long *result)
{
    PyObject *number;

    if (target->push != NULL && target->handle != NULL) {
        const char *fields = PyBytes_AsString(bytes);

        if (fields == NULL)
            return false;
        /* Not for the core's sake: this is where the senders get their turns, as with every call through cffi. */
        Py_BEGIN_ALLOW_THREADS
        *result = target->push(target->handle, fields);
        Py_END_ALLOW_THREADS
        return true;
    }
    number = PyObject_CallFunctionObjArgs(target->python_push, target->python_handle, bytes, NULL);
    if (number == NULL)
        return false;
    *result = PyLong_AsLong(number);
    Py_DECREF(number);
    return *result != -1 || !PyErr_Occurred();
}

static PyObject *
act_on(PyObject *self, const struct target *target, long result)
{
    PyObject *number = PyLong_FromLong(result), *answer;

    if (number == NULL)
        return NULL;
    answer = PyObject_CallFunctionObjArgs(target->after_push, self, number, NULL);
    Py_DECREF(number);
    return answer;
}

/* Returns True or False, or Py_None when the call is left to the method in Python; all of them new references. */
static PyObject *
push(PyObject *self, const struct target *target, PyObject *const values[VALUE_COUNT])
{
    PyObject *bytes = encode(target, values);
    long result = FB_ERR_ARGUMENT;
    bool is_done;

    if (bytes == NULL)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    is_done = push_bytes(target, bytes, &result);
    Py_DECREF(bytes);
    if (!is_done)
        return NULL;
    return result == FB_OK ? Py_NewRef(Py_True) : act_on(self, target, result);
}

/* Calls the method in Python with the same arguments. */
static PyObject *
track_slowly(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    const Py_ssize_t name_count = names == NULL ? 0 : PyTuple_Size(names);
    PyObject *method = PyObject_GetAttrString(self, "_track_slowly");
    PyObject *positional = PyTuple_New(count), *keywords = PyDict_New(), *result = NULL;
    bool is_ready = method != NULL && positional != NULL && keywords != NULL;

    for (Py_ssize_t i = 0; is_ready && i < count; i++)
        is_ready = PyTuple_SetItem(positional, i, Py_NewRef(args[i])) == 0;
    for (Py_ssize_t i = 0; is_ready && i < name_count; i++)
        is_ready = PyDict_SetItem(keywords, PyTuple_GetItem(names, i), args[count + i]) == 0;
    if (is_ready)
        result = PyObject_Call(method, positional, keywords);
    Py_XDECREF(method);
    Py_XDECREF(positional);
    Py_XDECREF(keywords);
    return result;
}

static PyObject *
track(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    /* A copy: a value's own code, or another thread while we push, may close the client and take its entry away. */
    const struct target target = ((struct quick *)self)->target;
    PyObject *values[VALUE_COUNT], *answer;

    if (target.entry == NULL || !find_values(args, count, names, values))
        return track_slowly(self, args, count, names);
    Py_INCREF(target.entry);
    answer = push(self, &target, values);
    Py_DECREF(target.entry);
    if (answer != Py_None)
        return answer;
    Py_DECREF(answer);
    return track_slowly(self, args, count, names);
}

/* Quick: the type. */

static PyObject *
get_entry(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *entry = ((struct quick *)self)->target.entry;

    return Py_NewRef(entry == NULL ? Py_None : entry);
}

static int
set_entry(PyObject *self, PyObject *entry, void *Py_UNUSED(closure))
{
    struct quick *quick = (struct quick *)self;
    PyObject *previous = quick->target.entry;
    struct target target = {.entry = NULL};

    if (entry != NULL && entry != Py_None) {
        if (!read_entry(entry, &target))
            return -1;
        Py_INCREF(entry);
    }
    quick->target = target;
    Py_XDECREF(previous);
    return 0;
}

/*
 * Returns `track` as a method of the class that it is called on, with this docstring. The definition is never given back,
 * since nobody knows how long the method is used; there is one for each such class.
 */
static PyObject *
new_track(PyObject *type, PyObject *docstring)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(docstring, &length);
    PyMethodDef *definition;

    if (text == NULL)
        return NULL;
    definition = PyMem_Malloc(sizeof *definition + (size_t)length + 1);
    if (definition == NULL)
        return PyErr_NoMemory();
    char *copy = memcpy(definition + 1, text, (size_t)length + 1);
    *definition = (PyMethodDef){"track", (PyCFunction)(void (*)(void))track, METH_FASTCALL | METH_KEYWORDS, copy};
    return PyDescr_NewMethod((PyTypeObject *)type, definition);
}

static int
quick_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct quick *)self)->target.entry);
    return 0;
}

static int
quick_clear(PyObject *self)
{
    Py_CLEAR(((struct quick *)self)->target.entry);
    return 0;
}

static void
quick_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    (void)quick_clear(self);
    ((freefunc)(uintptr_t)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyMethodDef quick_methods[] = {
    {"_new_track", new_track, METH_O | METH_CLASS, "Return `track` as a method of this class, with this docstring."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef quick_getset[] = {
    {"_track_entry", get_entry, set_entry, "A QuickEntry, or None while no call is common.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot quick_slots[] = {
    {Py_tp_doc, "What a client inherits so that its `track` can be quick; see `fastbatch.core.quick`."},
    {Py_tp_methods, quick_methods},
    {Py_tp_getset, quick_getset},
    {Py_tp_traverse, (void *)(uintptr_t)quick_traverse},
    {Py_tp_clear, (void *)(uintptr_t)quick_clear},
    {Py_tp_dealloc, (void *)(uintptr_t)quick_dealloc},
    {0, NULL},
};

static PyType_Spec quick_spec = {
    .name = "fastbatch.core._track.Quick",
    .basicsize = sizeof(struct quick),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = quick_slots,
};

static int
module_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &quick_spec, NULL);
    int result;

    if (type == NULL)
        return -1;
    result = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return result;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)(uintptr_t)module_exec},
    {0, NULL},
};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "fastbatch.core._track",
    .m_doc = "The call that is made once an event; see `fastbatch.core.quick`.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__track(void)
{
    return PyModuleDef_Init(&module_definition);
}
