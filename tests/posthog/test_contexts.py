"""Contexts: what they say, where they reach, and what becomes of exceptions that leave them."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fastbatch.posthog import contexts
from fastbatch.posthog.contexts import get_tags, identify_context, new_context, scoped, set_context_session, tag
from fastbatch.posthog.scope import CURRENT


@pytest.fixture(autouse=True)
def _outside():
    yield
    assert CURRENT.get() is None, "a context was not left"


def said():
    """Return what the current context says."""
    return get_tags(), contexts.get_context_distinct_id(), contexts.get_context_session_id()


def test_outside_a_context_nothing_is_said():
    tag("a", 1)
    identify_context("u")
    set_context_session("s")
    contexts.set_context_device_id("d")
    assert said() == ({}, None, None)
    assert contexts.get_context_device_id() is None


def test_inner_contexts_inherit_and_win():
    with new_context():
        tag("a", 1)
        tag("b", 1)
        identify_context("outer")
        set_context_session("s")
        contexts.set_context_device_id("d")
        with new_context():
            tag("b", 2)
            identify_context("inner")
            assert said() == ({"a": 1, "b": 2}, "inner", "s")
            assert contexts.get_context_device_id() == "d"
        assert said() == ({"a": 1, "b": 1}, "outer", "s")
    assert said() == ({}, None, None)


def test_a_fresh_context_knows_nothing_and_is_inherited_from():
    with new_context():
        tag("a", 1)
        identify_context("outer")
        with new_context(fresh=True):
            assert said() == ({}, None, None)
            tag("b", 2)
            with new_context():
                assert said() == ({"b": 2}, None, None)
        assert said() == ({"a": 1}, "outer", None)


def test_tags_are_a_copy():
    with new_context():
        tag("a", 1)
        get_tags()["b"] = 2
        assert get_tags() == {"a": 1}


def test_a_thousand_contexts_may_be_nested():
    def nest(depth):
        with new_context():
            tag(str(depth), depth)
            return nest(depth - 1) if depth else (len(get_tags()), contexts.get_context_distinct_id())

    assert nest(200) == (201, None)


def test_what_a_context_says_is_on_the_wire(posthog, sent):
    with new_context():
        tag("plan", "free")
        tag("city", "Kyiv")
        identify_context("ctx")
        set_context_session("s1")
        posthog.capture("one", properties={"plan": "pro"})
        posthog.capture("two", distinct_id="other", properties={"$session_id": "own"})
        posthog.capture("u", "three")
    with new_context():
        posthog.capture("four", distinct_id="u")
    one, two, three, four = sent(posthog)
    assert one["distinct_id"] == "ctx"
    assert one["properties"]["plan"] == "pro"
    assert one["properties"]["city"] == "Kyiv"
    assert one["properties"]["$session_id"] == "s1"
    assert sorted(one["properties"]["$context_tags"]) == ["city", "plan"]
    assert "$process_person_profile" not in one["properties"]
    assert (two["distinct_id"], two["properties"]["$session_id"]) == ("other", "own")
    assert (three["distinct_id"], three["properties"]["plan"]) == ("u", "free")
    assert four["properties"]["$context_tags"] == []
    assert "$session_id" not in four["properties"]


def test_tasks_start_with_their_creators_context_and_keep_their_own():
    async def child(number):
        with new_context():
            tag("child", number)
            await asyncio.sleep(0)
            identify_context(f"u{number}")
            await asyncio.sleep(0)
            return said()

    async def main():
        with new_context():
            tag("a", 1)
            answers = await asyncio.gather(*(child(number) for number in range(20)))
            assert said() == ({"a": 1}, None, None)
            return answers

    assert asyncio.run(main()) == [({"a": 1, "child": number}, f"u{number}", None) for number in range(20)]


def test_threads_have_contexts_of_their_own():
    barrier = threading.Barrier(8)

    def work(number):
        before = said()
        with new_context():
            tag("n", number)
            barrier.wait(5)
            inside = said()
            barrier.wait(5)
        return before, inside, said()

    with new_context():
        tag("a", 1)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(work, range(8)))
    nothing = ({}, None, None)
    assert answers == [(nothing, ({"n": number}, None, None), nothing) for number in range(8)]


def test_a_function_is_scoped_for_each_call():
    @scoped()
    def work(number: int) -> tuple:
        """Say."""
        assert "n" not in get_tags()
        tag("n", number)
        return get_tags()

    assert [work(1), work(2)] == [{"n": 1}, {"n": 2}]
    assert (work.__name__, work.__doc__) == ("work", "Say.")
    assert get_tags() == {}


def test_a_context_decorates_as_well():
    @new_context(fresh=True)
    def work():
        tag("n", 1)
        return get_tags()

    with new_context():
        tag("a", 1)
        assert [work(), work()] == [{"n": 1}, {"n": 1}]


def test_a_coroutine_function_is_scoped():
    @scoped()
    async def work(number):
        tag("n", number)
        await asyncio.sleep(0)
        return get_tags()

    async def main():
        return await asyncio.gather(work(1), work(2))

    assert inspect.iscoroutinefunction(work)
    assert asyncio.run(main()) == [{"n": 1}, {"n": 2}]


def test_a_generator_is_in_its_context_while_it_runs():
    @scoped()
    def count():
        tag("n", 0)
        try:
            for number in range(3):
                tag("n", number)
                received = yield get_tags()
                tag("received", received)
        finally:
            seen.append(get_tags())
        return "end"

    seen: list[dict] = []
    assert inspect.isgeneratorfunction(count)
    with new_context():
        tag("a", 1)
        steps = count()
        assert next(steps) == {"a": 1, "n": 0}
        assert get_tags() == {"a": 1}
        assert steps.send("x") == {"a": 1, "n": 1, "received": "x"}
        assert get_tags() == {"a": 1}
        assert steps.send("y") == {"a": 1, "n": 2, "received": "y"}
        with pytest.raises(StopIteration) as stop:
            next(steps)
        assert stop.value.value == "end"
    closed = count()
    next(closed)
    closed.close()
    assert seen == [{"a": 1, "n": 2, "received": None}, {"n": 0}]


def test_an_exception_thrown_into_a_scoped_generator_reaches_it():
    @scoped()
    def work():
        try:
            yield 1
        except KeyError:
            yield get_tags()

    steps = work()
    next(steps)
    assert steps.throw(KeyError("k")) == {}
    steps.close()


def test_an_asynchronous_generator_is_in_its_context_while_it_runs():
    @scoped()
    async def count():
        for number in range(3):
            tag("n", number)
            await asyncio.sleep(0)
            try:
                yield get_tags()
            except KeyError:
                tag("caught", True)
        seen.append(get_tags())

    seen: list[dict] = []

    async def main():
        with new_context():
            tag("a", 1)
            steps = count()
            assert await steps.asend(None) == {"a": 1, "n": 0}
            assert get_tags() == {"a": 1}
            assert await steps.athrow(KeyError("k")) == {"a": 1, "n": 1, "caught": True}
            rest = [item async for item in steps]
            assert get_tags() == {"a": 1}
            return rest

    assert inspect.isasyncgenfunction(count)
    assert asyncio.run(main()) == [{"a": 1, "n": 2, "caught": True}]
    assert seen == [{"a": 1, "n": 2, "caught": True}]


def test_an_asynchronous_generator_that_is_left_is_closed():
    @scoped()
    async def endless():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    closed: list[bool] = []

    async def main():
        steps = endless()
        async for _ in steps:
            break
        await steps.aclose()

    asyncio.run(main())
    assert closed == [True]


@pytest.mark.parametrize(("wanted", "count"), [(None, 0), (True, 1), (False, 0)])
def test_an_exception_is_captured_on_its_way_out_when_wanted(posthog, sent, wanted, count):
    def work():
        with posthog.new_context(capture_exceptions=wanted):
            posthog.tag("a", 1)
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        work()
    events = sent(posthog)
    assert [event["properties"]["a"] for event in events] == [1] * count


def test_the_client_says_whether_exceptions_are_captured(make_posthog, sent):
    posthog = make_posthog(enable_exception_autocapture=True, debug=True)
    with pytest.raises(ValueError, match="x"), posthog.new_context():
        raise ValueError("x")
    assert len(sent(posthog)) == 1


def test_an_exception_is_captured_once_however_many_contexts_it_leaves(posthog, sent):
    @posthog.scoped(capture_exceptions=True)
    def inner():
        posthog.tag("where", "inner")
        raise ValueError("on purpose")

    @posthog.scoped(capture_exceptions=True)
    def outer():
        with posthog.new_context(capture_exceptions=True):
            inner()

    with pytest.raises(ValueError, match="on purpose") as caught:
        outer()
    (event,) = sent(posthog)
    assert event["properties"]["where"] == "inner"
    assert caught.value.__posthog_exception_uuid == event["uuid"]


def test_what_is_no_error_is_not_captured(posthog, sent):
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(kind), posthog.new_context(capture_exceptions=True):
            raise kind
    assert sent(posthog) == []


def test_a_forked_child_is_outside_of_its_parents_contexts(posthog):
    reading, writing = os.pipe()
    with new_context():
        tag("a", 1)
        pid = os.fork()
        if pid == 0:
            first = get_tags()
            with new_context():
                tag("b", 2)
                second = get_tags()
            os.write(writing, repr((first, second, get_tags())).encode())
            os._exit(0)
        assert get_tags() == {"a": 1}
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == repr(({}, {"b": 2}, {}))


def test_a_context_that_is_left_elsewhere_does_no_harm():
    """An asynchronous generator may be closed by another task than began it."""
    context = new_context()
    context.__enter__()
    tag("a", 1)

    def leave():
        with new_context():
            tag("b", 2)
            context.__exit__(None, None, None)
            return get_tags()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(leave).result() == {"b": 2}
    assert get_tags() == {"a": 1}
    CURRENT.set(None)


def test_a_generator_that_ends_within_another_context_takes_its_own_with_it():
    def work():
        with new_context():
            tag("of", "generator")
            yield

    generator = work()
    next(generator)
    with new_context(fresh=True):
        tag("of", "caller")
        generator.close()
        assert get_tags() == {"of": "caller"}
    assert said() == ({}, None, None)


def test_tasks_may_share_one_object_and_leave_in_any_order():
    shared = new_context()

    async def work(number, turn, done):
        with shared:
            tag("number", number)
            await turn.wait()
            inside = get_tags()
        done.set()
        return inside, CURRENT.get()

    async def main():
        first, second, never = asyncio.Event(), asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(work(1, first, second)), asyncio.create_task(work(2, second, never))]
        await asyncio.sleep(0)
        first.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == [({"number": 1}, None), ({"number": 2}, None)]


def test_a_tag_has_the_name_that_the_package_gives_it():
    with new_context():
        tag(name="a", value=1)
        assert get_tags() == {"a": 1}
