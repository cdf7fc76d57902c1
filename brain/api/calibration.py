"""Routes about the threshold that a department's verdicts allow."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from brain.api import schemas
from brain.api.access import Shared, Speaker
from brain.api.errors import problems
from brain.domain.guarantee import Promise
from brain.domain.identity import Department
from brain.usecases.calibrate import Calibrated

router = APIRouter(tags=["administration"])

Slug = Annotated[schemas.Slug, Path()]


class PromiseBody(schemas.Received):
    risk: float = Field(default=0.05, ge=0.001, le=0.5, description="At most this share is to be wrong.")
    sure: float = Field(default=0.95, ge=0.5, le=0.999, description="With so much certainty.")

    def promise(self) -> Promise:
        return Promise(self.risk, self.sure)


class ThresholdShown(schemas.Sent):
    department: str = Field(examples=["it-ops"])
    publish: float = Field(description="From this confidence on an answer goes out without a person.")
    filed: float = Field(description="What the department's file says of it.")


class CalibrationShown(ThresholdShown):
    risk: float
    sure: float
    allowed: float | None = Field(
        description="The lowest threshold that keeps the promise; null where none was shown to."
    )
    share: float = Field(description="Share of past answers that would have gone out at it.")
    judged: int = Field(description="Of those, how many people judged; without a threshold, of all.")
    wrong: int = Field(description="Of those judged, how many were rejected, amended or no help.")
    missing: int = Field(description="So many more verdicts are needed at least.")


@router.get(
    "/v1/departments/{slug}/calibration",
    summary="The threshold that its verdicts allow",
    description="Needs the role admin in the department. Changes nothing.",
    responses=problems(403, 404, 422),
)
async def propose(
    slug: Slug, query: Annotated[PromiseBody, Query()], principal: Speaker, shared: Shared
) -> CalibrationShown:
    return _shown(await shared.services.calibrate.propose(principal, slug, query.promise()))


@router.post(
    "/v1/departments/{slug}/calibration",
    summary="Put the threshold in force that its verdicts allow",
    description="Needs the role admin in the department. From then on its file has no say in it, until that"
    " is taken back.",
    responses=problems(400, 403, 404, 413, 422),
)
async def apply(slug: Slug, body: PromiseBody, principal: Speaker, shared: Shared) -> CalibrationShown:
    return _shown(await shared.services.calibrate.apply(principal, slug, body.promise()))


@router.delete(
    "/v1/departments/{slug}/calibration",
    summary="Put the threshold of the department's file in force again",
    description="Needs the role admin in the department.",
    responses=problems(403, 404, 422),
)
async def reset(slug: Slug, principal: Speaker, shared: Shared) -> ThresholdShown:
    return _threshold(await shared.services.calibrate.reset(principal, slug))


def _threshold(department: Department) -> ThresholdShown:
    thresholds = department.thresholds
    return ThresholdShown(
        department=department.slug, publish=thresholds.publish, filed=thresholds.as_filed().publish
    )


def _shown(one: Calibrated) -> CalibrationShown:
    threshold = _threshold(one.department)
    return CalibrationShown(
        department=threshold.department,
        publish=threshold.publish,
        filed=threshold.filed,
        risk=one.promise.risk,
        sure=one.promise.sure,
        allowed=one.chosen.publish,
        share=one.chosen.share,
        judged=one.chosen.judged,
        wrong=one.chosen.wrong,
        missing=one.chosen.missing,
    )
