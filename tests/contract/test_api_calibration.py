"""What a department's verdicts allow, over HTTP."""

import pytest

from tests.contract.conftest import Api

PATH = "/v1/departments/it-ops/calibration"


async def test_an_admin_is_told_what_the_verdicts_allow(api: Api) -> None:
    response = await api.get(f"{PATH}?risk=0.1&sure=0.9", by="ravi")
    assert response.status_code == 200
    assert response.json() == {
        "department": "it-ops",
        "publish": 0.72,
        "filed": 0.72,
        "risk": 0.1,
        "sure": 0.9,
        "allowed": None,
        "share": 0.0,
        "judged": 0,
        "wrong": 0,
        "missing": 22,
    }


async def test_without_verdicts_nothing_is_put_in_force(api: Api) -> None:
    refused = await api.post(PATH, {}, by="ravi")
    assert refused.status_code == 422
    assert "nothing was changed" in refused.json()["detail"]
    reset = await api.http.delete(PATH, headers=await api.by("ravi"))
    assert reset.json() == {"department": "it-ops", "publish": 0.72, "filed": 0.72}


@pytest.mark.parametrize("by", ["amira", "rosa"])
async def test_it_is_for_admins_of_the_department(by: str, api: Api) -> None:
    assert (await api.get(PATH, by=by)).status_code == 403
    assert (await api.post(PATH, {}, by=by)).status_code == 403
    assert (await api.http.delete(PATH, headers=await api.by(by))).status_code == 403


async def test_a_promise_must_be_one(api: Api) -> None:
    assert (await api.get(f"{PATH}?risk=0", by="ravi")).status_code == 422
    assert (await api.post(PATH, {"sure": 1.0}, by="ravi")).status_code == 422
    assert (await api.post(PATH, {"risky": 0.1}, by="ravi")).status_code == 422
